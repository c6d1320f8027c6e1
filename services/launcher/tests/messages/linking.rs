//! A chat of Telegram becomes a channel by a code: against a stub in the wire format of the Bot API.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sla_proto::notify::v1::{
    Channel, GetTelegramLinkRequest, LinkState, LinkTelegramRequest, LinkTelegramResponse, TelegramLink,
};
use sla_testkit::{Reply, Stub};
use tonic::Code;

use crate::place::Place;

/// It must never be seen but in the path of a request.
const TOKEN: &str = "123456:CANARY-token_of-linking";

/// The bot: what `getUpdates` answers, one after the other and then nothing; what it was asked and what it said.
#[derive(Clone, Default)]
struct Bot {
    answers: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Value>>>,
    said: Arc<Mutex<Vec<(i64, String)>>>,
}

impl Bot {
    async fn start(&self) -> Stub {
        let bot = self.clone();
        Stub::start(move |request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert!(request.path.starts_with(&format!("/bot{TOKEN}/")), "{}", request.path);
            if request.path.ends_with("/sendMessage") {
                let text = body["text"].as_str().unwrap().to_owned();
                bot.said.lock().unwrap().push((body["chat_id"].as_i64().unwrap(), text));
                return Reply::json(r#"{"ok":true,"result":{"message_id":7}}"#);
            }
            assert!(request.path.ends_with("/getUpdates"), "{}", request.path);
            bot.asked.lock().unwrap().push(body);
            let next = bot.answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Reply::json(r#"{"ok":true,"result":[]}"#))
        })
        .await
    }

    fn answer(&self, reply: Reply) {
        self.answers.lock().unwrap().push_back(reply);
    }

    /// Messages of chats, numbered from `first` on.
    fn hear(&self, first: i64, now_ms: i64, messages: &[(i64, &str)]) {
        let updates: Vec<Value> = (first..)
            .zip(messages)
            .map(|(update_id, (chat, text))| {
                json!({ "update_id": update_id, "message": {
                    "message_id": update_id, "date": now_ms / 1_000, "text": text,
                    "from": { "id": 5, "is_bot": false, "first_name": "Ada" }, "chat": { "id": chat, "type": "private" },
                }})
            })
            .collect();
        self.answer(Reply::json(&json!({ "ok": true, "result": updates }).to_string()));
    }

    fn refuse(&self, status: u16, description: &str) {
        let body = json!({ "ok": false, "error_code": status, "description": description });
        self.answer(Reply::json(&body.to_string()).status(status));
    }
}

async fn place(url: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot-token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.display().to_string();
    let config = format!("[notify]\ntelegram_token_file = {file:?}\ntelegram_url = {url:?}\n");
    Place::with(folder, &config, "").await
}

async fn link(place: &Place, name: &str) -> Result<LinkTelegramResponse, tonic::Status> {
    let channel = Some(Channel {
        name: name.to_owned(),
        ..Channel::default()
    });
    let answer = place
        .console()
        .await
        .notify()
        .link_telegram(LinkTelegramRequest { channel })
        .await;
    answer.map(tonic::Response::into_inner)
}

async fn told(place: &Place, id: &str) -> TelegramLink {
    let request = GetTelegramLinkRequest { id: id.to_owned() };
    let answer = place.console().await.notify().get_telegram_link(request).await.unwrap();
    answer.into_inner().link.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_that_sends_the_code_is_told_from_then_on_and_no_other() {
    let bot = Bot::default();
    let stub = bot.start().await;
    let place = place(&stub.url()).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(bot.asked.lock().unwrap().is_empty(), "no code is open: nobody is asked");

    bot.refuse(409, "Conflict: terminated by other getUpdates request");
    bot.refuse(401, &format!("Unauthorized {TOKEN}"));
    bot.answer(Reply::raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"ok\":true,\"result\":[{\"upd",
    ));
    bot.answer(Reply::never());
    let opened = link(&place, "phone").await.unwrap();
    let (code, id) = (opened.code, opened.link.unwrap().id);
    bot.hear(
        40,
        place.now_ms(),
        &[
            (1, "hello"),
            (2, "2345-6789"),
            (4711, &format!("/start {}", code.to_lowercase())),
            (99, &code),
        ],
    );
    let problems = Mutex::new(Vec::new());
    place
        .until("the chat is linked", async || {
            let link = told(&place, &id).await;
            let mut problems = problems.lock().unwrap();
            if problems.last() != Some(&link.problem) {
                problems.push(link.problem.clone());
            }
            link.state() == LinkState::Linked
        })
        .await;
    let problems = problems.into_inner().unwrap().join("\n");
    for words in ["409", "one reader may ask a bot", "401", "cut off", "no answer within"] {
        assert!(problems.contains(words), "{words}: {problems}");
    }
    let channel = told(&place, &id).await.channel.unwrap();
    assert_eq!((channel.name.as_str(), channel.address.as_str()), ("phone", "4711"));
    place
        .until("all were answered", async || bot.said.lock().unwrap().len() == 3)
        .await;
    let said = bot.said.lock().unwrap().clone();
    for (at, (chat, words)) in [(2, "not one of this instance"), (4711, "phone"), (99, "used already")]
        .into_iter()
        .enumerate()
    {
        assert!(said[at].0 == chat && said[at].1.contains(words), "{said:?}");
    }
    // What was read is given back, and nobody is asked after that.
    place
        .until("the messages were given back", async || {
            bot.asked
                .lock()
                .unwrap()
                .last()
                .is_some_and(|asked| asked["offset"] == 44)
        })
        .await;
    let asked = bot.asked.lock().unwrap().len();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(bot.asked.lock().unwrap().len(), asked);
    assert!(!format!("{problems}{said:?}").contains("CANARY"));

    let taken = link(&place, "Phone").await.unwrap_err();
    assert!(taken.code() == Code::InvalidArgument && taken.message().contains("another channel of yours has it"));
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_has_expired_links_nobody() {
    let bot = Bot::default();
    let stub = bot.start().await;
    let place = place(&stub.url()).await;
    let old = link(&place, "phone").await.unwrap();
    place.clock.advance(601_000);
    let id = old.link.unwrap().id;
    let link_now = told(&place, &id).await;
    assert!(link_now.state() == LinkState::Expired && link_now.problem.contains("nobody sent the code"));
    // Somebody else's is open, so the bot is asked; a message of before it was made is nobody's.
    link(&place, "tablet").await.unwrap();
    bot.hear(7, place.now_ms() - 300_000, &[(8, &old.code)]);
    bot.hear(8, place.now_ms(), &[(9, &old.code)]);
    place
        .until("it was refused", async || !bot.said.lock().unwrap().is_empty())
        .await;
    let said = bot.said.lock().unwrap().clone();
    assert!(
        said.len() == 1 && said[0].0 == 9 && said[0].1.contains("has expired"),
        "{said:?}"
    );
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bot_no_code_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::with(folder, "", "").await;
    let refused = link(&place, "phone").await.unwrap_err();
    assert!(
        refused.code() == Code::InvalidArgument && refused.message().contains("no bot"),
        "{refused}"
    );
    place.close().await;
}
