//! Letters on their way: through a mail server that behaves well or badly, and through the outbox folder.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::auth::Options;
use clients::mail::{Mailer, Outbox, Security, Sender, Smtp, SmtpOptions, Way};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::service::{Service, text};

pub(super) fn sender() -> Sender {
    Sender::parse("Brain <no-reply@brain.example>").unwrap()
}

/// A mail server that answers the first letters' readers so, and takes what comes after them.
pub(super) struct MailServer {
    port: u16,
    letters: mpsc::UnboundedReceiver<String>,
    pub(super) connections: Arc<AtomicUsize>,
}

impl MailServer {
    pub(super) async fn start(first_answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, letters) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = first_answers.get(counted.fetch_add(1, Ordering::SeqCst)).copied();
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Some(letter) = take_letter(stream, answer).await {
                        let _ = sender.send(letter);
                    }
                });
            }
        });
        Self { port, letters, connections }
    }

    pub(super) fn mailer(&self) -> Mailer {
        self.way(None).into()
    }

    pub(super) fn way(&self, tries: Option<NonZeroU32>) -> Way {
        let options = SmtpOptions {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: Security::None,
            credentials: None,
            step_timeout: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
            tries,
        };
        Way::Smtp(Smtp::new(options, sender()).unwrap())
    }

    pub(super) async fn next(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.letters.recv()).await.unwrap().unwrap()
    }
}

/// Speaks SMTP with one client. `answer` is what the reader's address is answered with.
async fn take_letter(stream: TcpStream, answer: Option<&str>) -> Option<String> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 double\r\n").await.ok()?;
    let mut letter = String::new();
    let mut in_letter = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply = if in_letter {
            if line != ".\r\n" {
                letter.push_str(&line);
                continue;
            }
            stream.write_all(b"250 taken\r\n").await.ok()?;
            return Some(letter);
        } else {
            match (verb.as_str(), answer) {
                ("RCPT", Some("hang up")) => return None,
                ("RCPT", Some("silence")) => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    return None;
                }
                ("RCPT", Some(answer)) => answer,
                ("DATA", _) => {
                    in_letter = true;
                    "354 go on"
                }
                _ => "250 fine",
            }
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
}

/// The letters of a service on their way until this is dropped.
pub(super) struct Post {
    stop: CancellationToken,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) fn post(service: &Service, mailer: Mailer, templates: Option<PathBuf>) -> Post {
    let stop = CancellationToken::new();
    let (auth, clock, stopped) = (service.auth.clone(), service.clock.clone(), stop.clone());
    tokio::spawn(async move { auth.send_letters(mailer, templates, clock, stopped).await });
    Post { stop }
}

pub(super) async fn ask_for_a_letter(service: &Service, email: &str) {
    service.post("/user/password/reset", json!({ "email": email })).await.assert_ok();
}

pub(super) async fn until_empty(service: &Service) {
    for _ in 0..400 {
        if service.count("select count(*) from brain.letters").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("letters are left");
}

#[tokio::test]
async fn a_letter_reaches_the_mail_server_and_leaves_the_queue() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let mut server = MailServer::start(&[]).await;
    let _post = post(&service, server.mailer(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    let letter = server.next().await;
    for part in [
        "To: a@b.c\r\n",
        "From: Brain <no-reply@brain.example>\r\n",
        "Subject: Choose a new password\r\n",
        "X-Email-Template: password-reset\r\n",
        "X-Ticket: passwordReset:",
    ] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    until_empty(&service).await;
}

#[tokio::test]
async fn a_letter_is_in_the_persons_language() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sql("update auth.users set locale = 'ru'").await;
    let mut server = MailServer::start(&[]).await;
    let _post = post(&service, server.mailer(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    assert!(server.next().await.contains("Subject: =?utf-8?b?"));
}

#[tokio::test]
async fn failures_are_waited_out() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let mut server = MailServer::start(&["451 later", "hang up", "silence"]).await;
    let _post = post(&service, server.mailer(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    for tries in 1..=3 {
        let failed = format!(
            "select count(*) from brain.letters where tries >= {tries} and next_try_at < now() + interval '100 seconds'"
        );
        let has_failed = async {
            while service.count(&failed).await == 0 || server.connections.load(Ordering::SeqCst) < tries {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), has_failed).await.unwrap();
        // Not to wait for its pause.
        service.sql("update brain.letters set next_try_at = now()").await;
        ask_for_a_letter(&service, "nobody@b.c").await;
    }
    assert!(server.next().await.contains("X-Ticket"));
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_refused_reader_is_given_up_and_others_are_served() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sign_up("b@b.c").await;
    let mut server = MailServer::start(&["550 no such mailbox"]).await;
    let _post = post(&service, server.mailer(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    until_empty(&service).await;
    ask_for_a_letter(&service, "b@b.c").await;
    assert!(server.next().await.contains("To: b@b.c"));
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_letter_is_tried_as_often_as_the_settings_allow() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let server = MailServer::start(&["451 later", "451 later", "451 later"]).await;
    let _post = post(&service, server.way(NonZeroU32::new(2)).into(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_letter_past_its_deadline_is_not_sent() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    ask_for_a_letter(&service, "a@b.c").await;
    service.sql("update brain.letters set deadline = now()").await;
    let server = MailServer::start(&[]).await;
    let _post = post(&service, server.mailer(), None);
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn several_servers_send_each_letter_once() {
    let service = Service::start().await;
    let mut server = MailServer::start(&[]).await;
    let _posts = [post(&service, server.mailer(), None), post(&service, server.mailer(), None)];
    for number in 0..10 {
        service.sign_up(&format!("a{number}@b.c")).await;
        ask_for_a_letter(&service, &format!("a{number}@b.c")).await;
    }
    for _ in 0..10 {
        server.next().await;
    }
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn the_outbox_folder_gets_files_that_their_owner_alone_reads() {
    use std::os::unix::fs::PermissionsExt;
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let folder = std::env::temp_dir().join(format!("brain-outbox-{}", uuid::Uuid::new_v4()));
    let _post = post(&service, Way::Outbox(Outbox::open(&folder, sender()).unwrap()).into(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    until_empty(&service).await;
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let mode = std::fs::metadata(&files[0]).unwrap().permissions().mode();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((files.len(), mode & 0o777), (1, 0o600));
    assert!(files[0].extension().is_some_and(|extension| extension == "eml"));
    assert!(text.contains("To: a@b.c"));
}

#[tokio::test]
async fn a_code_that_has_ended_is_left_out_of_the_letter_whose_link_is_good() {
    let options = Options { email_verification_required: true, ..Options::default() };
    let service = Service::start_with(options).await;
    let mut server = MailServer::start(&[]).await;
    for (email, is_late) in [("a@b.c", false), ("b@b.c", true)] {
        let body = json!({ "email": email, "password": "correct horse" });
        service.post("/signup/email-password", body).await;
        let code = text(&service.letter("email-verify", email).await["code"]).to_owned();
        if is_late {
            service
                .sql(
                    "update brain.letters set variables =
                        variables || jsonb_build_object('codeEndsAt', now() - interval '1 second')",
                )
                .await;
        }
        let post = post(&service, server.mailer(), None);
        let letter = server.next().await;
        until_empty(&service).await;
        drop(post);
        assert!(letter.contains("X-Ticket: verifyEmail:"), "{letter}");
        assert_eq!(letter.matches(&code).count(), if is_late { 0 } else { 2 }, "{letter}");
        assert_eq!(letter.matches("type this code").count(), if is_late { 0 } else { 2 }, "{letter}");
    }
}
