//! Mail over SMTP (RFC 5321), by `lettre`. The id of a message is its Message-ID, so that a second copy is known as one.

use std::error::Error as _;

use lettre::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::extension::ClientId;
use sla_domain::Secrets;
use sla_proto::notify::v1::Channel;

use super::outcome::{Outcome, Parcel, said};
use super::wire::Bounded;
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
    let mut secrets = Secrets::default();
    let mut login = None;
    if let (false, Some(file)) = (mail.user.is_empty(), &mail.password_file) {
        let password = match secret::read(file) {
            Ok(password) => password,
            Err(words) => return Outcome::Again(None, words),
        };
        secrets.add_login(&mail.user, &password);
        login = Some(Credentials::new(mail.user.clone(), password.to_string()));
    }
    let wire = match Bounded::connect(&mail.host, mail.port).await {
        Ok(wire) => wire,
        Err(error) => return Outcome::Again(None, said(&error.to_string())),
    };
    match hand_over(mail, wire, login, &message).await {
        Ok(()) => Outcome::Sent,
        Err(error) => verdict(&error, &secrets),
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

async fn hand_over(
    mail: &Mail,
    wire: Bounded,
    login: Option<Credentials>,
    message: &Message,
) -> Result<(), smtp::Error> {
    let (hello, tls) = (ClientId::default(), || TlsParameters::new(mail.host.clone()));
    let from_the_first_byte = (mail.tls == MailTls::Implicit).then(tls).transpose()?;
    let mut server = wire.greeted(from_the_first_byte, &hello).await?;
    if mail.tls == MailTls::StartTls {
        server.starttls(tls()?, &hello).await?;
    }
    if let Some(login) = login {
        server.auth(DEFAULT_MECHANISMS, &login).await?;
    }
    server.send(message.envelope(), &message.formatted()).await?;
    // It has the message, however it says goodbye.
    let _ = server.quit().await;
    Ok(())
}

/// What a failure means (RFC 5321, 4.2.1; enhanced codes vary too much to go by).
fn verdict(error: &smtp::Error, secrets: &Secrets) -> Outcome {
    let mut words = error.to_string();
    if let Some(cause) = error.source() {
        words = format!("{words}: {cause}");
    }
    let words = said(&secrets.take_out(&words));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sla_proto::notify::v1::{ChannelKind, Notice};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::super::wire::MAX_SAID_BYTES;
    use super::*;

    async fn server() -> (TcpListener, Mail) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mail = Mail {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            tls: MailTls::Off,
            from: "sla@example.org".to_owned(),
            user: String::new(),
            password_file: None,
        };
        (listener, mail)
    }

    async fn sent(mail: &Mail) -> Outcome {
        let channel = Channel {
            kind: ChannelKind::Email.into(),
            address: "ada@example.org".to_owned(),
            ..Channel::default()
        };
        let parcel = Parcel {
            id: "1",
            notices: &[Notice::default()],
            now_ms: 0,
        };
        send(mail, "default", &channel, &parcel).await
    }

    #[tokio::test]
    async fn an_endless_line_is_cut() {
        let (listener, mail) = server().await;
        let said = Arc::new(AtomicUsize::new(0));
        let counted = said.clone();
        let endless = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let line = vec![b'2'; 65_536];
            // More than sockets hold: it ends when nobody reads on.
            while counted.load(Ordering::SeqCst) < 64 * MAX_SAID_BYTES && stream.write_all(&line).await.is_ok() {
                counted.fetch_add(line.len(), Ordering::SeqCst);
            }
        };
        let (outcome, ()) = tokio::join!(sent(&mail), endless);
        assert!(
            matches!(&outcome, Outcome::Again(None, words) if words.contains("more than 1 MiB")),
            "{outcome:?}"
        );
        let said = said.load(Ordering::SeqCst);
        assert!(said < 32 * MAX_SAID_BYTES, "{said}");
    }

    #[tokio::test]
    async fn a_password_that_a_server_repeats_is_not_said_again() {
        let (listener, mut mail) = server().await;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "SMTPCANARY").unwrap();
        mail.user = "ada".to_owned();
        mail.password_file = Some(file.path().to_owned());
        let server = async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 here\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                let answer = if line.starts_with("EHLO") {
                    "250-here\r\n250 AUTH PLAIN LOGIN\r\n".to_owned()
                } else {
                    format!("535 wrong: SMTPCANARY by {line}")
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                line.clear();
            }
        };
        let (outcome, ()) = tokio::join!(sent(&mail), server);
        let Outcome::Again(None, words) = &outcome else {
            panic!("{outcome:?}");
        };
        assert!(words.contains("wrong: … by AUTH PLAIN …"), "{words}");
        // "\0ada\0SMTPCANARY", and without the user.
        assert!(
            !words.contains("AGFkYQBTTVRQQ0FOQVJZ") && !words.contains("CANARY"),
            "{words}"
        );
    }
}
