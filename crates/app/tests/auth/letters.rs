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

/// A mail server that answers the first letters so, and takes what comes after them.
///
/// `4xx …` and `5xx …` are said to the reader's address, as are `hang up` and `silence`; `… at the end` is what it does
/// with a letter that it has taken.
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
                    take_letter(stream, answer, sender).await;
                });
            }
        });
        Self { port, letters, connections }
    }

    pub(super) fn mailer(&self) -> Mailer {
        self.way(None).into()
    }

    /// One that does not wait long for silent servers.
    fn hasty(&self) -> Mailer {
        self.way_with(None, Duration::from_secs(2), Duration::from_secs(3)).into()
    }

    pub(super) fn way(&self, tries: Option<NonZeroU32>) -> Way {
        self.way_with(tries, Duration::from_secs(30), Duration::from_mins(2))
    }

    fn way_with(&self, tries: Option<NonZeroU32>, step_timeout: Duration, timeout: Duration) -> Way {
        let options = SmtpOptions {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: Security::None,
            credentials: None,
            step_timeout,
            timeout,
            tries,
        };
        Way::Smtp(Smtp::new(options, sender()).unwrap())
    }

    pub(super) async fn next(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.letters.recv()).await.unwrap().unwrap()
    }
}

/// Speaks SMTP with one client, and hands on the letter once it is whole.
async fn take_letter(
    stream: TcpStream,
    answer: Option<&str>,
    letters: mpsc::UnboundedSender<String>,
) -> Option<()> {
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
            in_letter = false;
            letters.send(std::mem::take(&mut letter)).ok()?;
            match answer {
                Some("hang up at the end") => return None,
                Some("silence at the end") => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    return None;
                }
                Some("late at the end") => tokio::time::sleep(Duration::from_secs(4)).await,
                _ => {}
            }
            "250 taken"
        } else {
            match (verb.as_str(), answer) {
                ("RCPT", Some("hang up")) | ("QUIT", _) => return None,
                ("RCPT", Some("silence")) => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    return None;
                }
                ("RCPT", Some(answer)) if !answer.ends_with("at the end") => answer,
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
    let _post = post(&service, server.hasty(), None);
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

/// Has letters that wait for their next try go now, until none is left.
pub(super) async fn hurry(service: &Service) {
    for _ in 0..600 {
        if service.count("select count(*) from brain.letters").await == 0 {
            return;
        }
        // Not those that are being sent: they are leased for two minutes and more.
        let now = "update brain.letters set next_try_at = now()
            where next_try_at > now() and next_try_at < now() + interval '70 s'";
        if service.pool.execute(now, &[]).await.unwrap() > 0 {
            // Asking for a letter wakes who sends them. Each try makes the next pause longer: not too many.
            ask_for_a_letter(service, "nobody@b.c").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("letters are left");
}

#[tokio::test]
async fn a_letter_that_the_server_may_have_taken_is_sent_once_more() {
    // Each is known to be untaken, or not: whatever is in doubt for the second time is given up.
    for (answers, sent) in [
        (["hang up at the end", "451 later", "hang up"].as_slice(), 2),
        (["hang up at the end", "silence at the end"].as_slice(), 2),
        (["silence at the end", "hang up at the end"].as_slice(), 2),
    ] {
        let service = Service::start().await;
        service.sign_up("a@b.c").await;
        let mut server = MailServer::start(answers).await;
        let _post = post(&service, server.hasty(), None);
        ask_for_a_letter(&service, "a@b.c").await;
        hurry(&service).await;
        for _ in 0..sent {
            assert!(server.next().await.contains("To: a@b.c\r\n"), "{answers:?}");
        }
        assert!(server.letters.try_recv().is_err(), "{answers:?}");
        assert!(server.connections.load(Ordering::SeqCst) >= answers.len(), "{answers:?}");
    }
}

/// Has a server take the letter, and stops it when the mail server has been called so often.
async fn stop_while_sending(service: &Service, server: &MailServer, calls: usize) {
    service.sql("update brain.letters set next_try_at = now()").await;
    let post = post(service, server.mailer(), None);
    let is_called = async {
        while server.connections.load(Ordering::SeqCst) < calls {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::time::timeout(Duration::from_secs(20), is_called).await.unwrap();
    drop(post);
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_letter_whose_sender_stopped_before_the_answer_is_sent_once_more() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    // Stopped before the letter's text, nothing is in doubt.
    let mut server =
        MailServer::start(&["silence", "silence", "silence", "silence at the end", "silence at the end"])
            .await;
    ask_for_a_letter(&service, "a@b.c").await;
    for calls in 1..=5 {
        stop_while_sending(&service, &server, calls).await;
    }
    for _ in 0..2 {
        assert!(server.next().await.contains("To: a@b.c\r\n"));
    }
    service.sql("update brain.letters set next_try_at = now()").await;
    let _post = post(&service, server.mailer(), None);
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn the_answer_to_a_letter_may_take_longer_than_a_step() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let mut server = MailServer::start(&["late at the end"]).await;
    let way = server.way_with(None, Duration::from_secs(3), Duration::from_mins(1));
    let _post = post(&service, way.into(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    server.next().await;
    until_empty(&service).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_letter_is_its_senders_as_long_as_it_is_being_sent() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let mut server = MailServer::start(&["silence at the end"]).await;
    let _post = post(&service, server.mailer(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    server.next().await;
    service.sql("update brain.letters set next_try_at = now() + interval '15 s'").await;
    let is_renewed = async {
        let held = "select count(*) from brain.letters where next_try_at > now() + interval '100 s'";
        while service.count(held).await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_renewed).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
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
