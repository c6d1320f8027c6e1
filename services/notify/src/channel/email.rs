//! Mail over SMTP (RFC 5321), by `lettre`. The id of a message is its Message-ID, so that a second copy is known as one.

use std::error::Error as _;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use sla_proto::notify::v1::Channel;

use super::outcome::{Outcome, Parcel, SEND_LIMIT, said};
use crate::options::{Mail, MailTls};
use crate::{secret, wording};

/// Whether mail can go there.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// One attempt.
pub(super) async fn send(mail: &Mail, instance: &str, channel: &Channel, parcel: &Parcel<'_>) -> Outcome {
    let message = match message(mail, instance, channel, parcel) {
        Ok(message) => message,
        Err(words) => return Outcome::Refused(words),
    };
    let transport = match transport(mail) {
        Ok(transport) => transport,
        Err(words) => return Outcome::Again(None, words),
    };
    match transport.send(message).await {
        Ok(_) => Outcome::Sent,
        Err(error) => verdict(&error),
    }
}

fn message(mail: &Mail, instance: &str, channel: &Channel, parcel: &Parcel<'_>) -> Result<Message, String> {
    let mailbox = |text: &str| -> Result<Mailbox, String> {
        let address = text.parse::<Address>();
        address
            .map(|address| Mailbox::new(None, address))
            .map_err(|error| error.to_string())
    };
    let from = mailbox(&mail.from).map_err(|error| format!("notify.smtp_from: {error}"))?;
    let domain = from.email.domain().to_owned();
    Message::builder()
        .from(from)
        .to(mailbox(&channel.address)?)
        .subject(wording::subject(instance, parcel.notices))
        .message_id(Some(format!("<{}@{domain}>", parcel.id)))
        .date_now()
        .header(ContentType::TEXT_PLAIN)
        .body(wording::text(instance, parcel.notices, parcel.id, parcel.now_ms))
        .map_err(|error| error.to_string())
}

fn transport(mail: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let tls = || TlsParameters::new(mail.host.clone()).map_err(|error| said(&error.to_string()));
    let tls = match mail.tls {
        MailTls::StartTls => Tls::Required(tls()?),
        MailTls::Implicit => Tls::Wrapper(tls()?),
        MailTls::Off => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
        .port(mail.port)
        .tls(tls)
        .timeout(Some(SEND_LIMIT));
    if let (false, Some(file)) = (mail.user.is_empty(), &mail.password_file) {
        let password = secret::read(file)?;
        builder = builder.credentials(Credentials::new(mail.user.clone(), password.to_string()));
    }
    Ok(builder.build())
}

/// What a failure means (RFC 5321, 4.2.1; enhanced codes vary too much to go by).
fn verdict(error: &smtp::Error) -> Outcome {
    let mut words = error.to_string();
    if let Some(cause) = error.source() {
        words = format!("{words}: {cause}");
    }
    let words = said(&words);
    let code = error.status().map(u16::from);
    match code {
        // The mailbox is not there, or not any more.
        Some(550 | 551 | 553) => Outcome::Gone(words),
        // Credentials, encryption, a server that is no mail server: somebody may mend it.
        Some(502 | 503 | 530 | 534 | 535 | 538 | 554) | None => Outcome::Again(None, words),
        Some(500..=599) => Outcome::Refused(words),
        Some(_) => Outcome::Again(None, words),
    }
}
