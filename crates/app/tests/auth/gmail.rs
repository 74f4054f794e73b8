//! Letters through the Gmail API: what reaches a mailbox, and what becomes of a letter when Google fails.

use std::time::Duration;

use base::clock::Clock;
use clients::google::{Credentials, Source};
use clients::http::HttpOptions;
use clients::mail::{Gmail, GmailOptions, Mailer, Way};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::google::{Fault, Google, part};
use super::letters::{MailServer, ask_for_a_letter, hurry, post, sender, until_empty};
use super::service::{Service, text};

fn refresh_token(token: &str) -> Source {
    Source::Given(Credentials::RefreshToken {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned().into(),
        refresh_token: token.to_owned().into(),
    })
}

fn options(google: &Google) -> GmailOptions {
    GmailOptions {
        base_url: google.address().to_owned(),
        source: refresh_token("refresh"),
        token_url: Some(format!("{}/token", google.address())),
        http: HttpOptions::default(),
        units_per_minute: 6000,
        letters_per_day: 500,
        tries: None,
    }
}

/// One that does not wait long for a silent Gmail.
fn hasty(google: &Google) -> GmailOptions {
    let http = HttpOptions { timeout: Duration::from_secs(2), ..HttpOptions::default() };
    GmailOptions { http, ..options(google) }
}

fn mailer(options: GmailOptions) -> Mailer {
    Way::Gmail(Gmail::new(options, sender(), Clock::system()).unwrap()).into()
}

/// A service with one person, whose letters are to meet these faults.
async fn with_faults(faults: impl IntoIterator<Item = Fault>) -> (Service, Google) {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let google = Google::start().await;
    google.seen().next.extend(faults);
    (service, google)
}

#[tokio::test]
async fn a_letter_by_refresh_token_arrives_whole_in_both_languages() {
    let (service, google) = with_faults([]).await;
    let _post = post(&service, mailer(options(&google)), None);
    service.post("/signin/otp/email", json!({ "email": "a@b.c" })).await.assert_ok();
    google.until_taken(1).await;
    service.sign_up("r@b.c").await;
    service.sql("update auth.users set locale = 'ru' where email = 'r@b.c'").await;
    service.post("/signin/otp/email", json!({ "email": "r@b.c" })).await.assert_ok();
    google.until_taken(2).await;
    until_empty(&service).await;
    let seen = google.seen();
    assert_eq!((seen.tokens, seen.calls), (1, 2));
    for (letter, reader, words) in
        [(&seen.letters[0], "a@b.c", "your code"), (&seen.letters[1], "r@b.c", "код")]
    {
        for line in [
            format!("To: {reader}\r\n"),
            "From: Brain <no-reply@brain.example>\r\n".to_owned(),
            "Auto-Submitted: auto-generated\r\n".to_owned(),
            "MIME-Version: 1.0\r\n".to_owned(),
            "multipart/alternative".to_owned(),
        ] {
            assert!(letter.contains(&line), "{line} in {letter}");
        }
        let (plain, html) = (part(letter, "text/plain"), part(letter, "text/html"));
        assert!(plain.contains(words) && html.contains('<'), "{plain} {html}");
        let code: String = plain.chars().filter(char::is_ascii_digit).take(6).collect();
        assert!(code.len() == 6 && html.contains(&code), "{plain} {html}");
        assert!(letter.lines().all(|line| line.len() <= 998));
    }
}

#[tokio::test]
async fn a_service_account_signs_for_the_mailbox() {
    let (service, google) = with_faults([]).await;
    let path = google.service_account();
    let source = Source::File { path: path.clone(), subject: Some("no-reply@brain.example".to_owned()) };
    let _post = post(&service, mailer(GmailOptions { source, token_url: None, ..options(&google) }), None);
    let before = Clock::system().unix_seconds();
    ask_for_a_letter(&service, "a@b.c").await;
    google.until_taken(1).await;
    std::fs::remove_file(path).unwrap();
    let claims = google.seen().assertions[0].clone();
    assert_eq!(claims["iss"], "brain@brain.iam.example.com");
    assert_eq!(claims["sub"], "no-reply@brain.example");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/gmail.send");
    assert_eq!(text(&claims["aud"]), format!("{}/token", google.address()));
    let issued = claims["iat"].as_i64().unwrap();
    assert!((before..before + 60).contains(&issued));
    assert_eq!(claims["exp"].as_i64().unwrap(), issued + 3600);
}

#[tokio::test]
async fn a_changed_credentials_file_is_taken_without_a_restart() {
    let (service, google) = with_faults([]).await;
    let path = std::env::temp_dir().join(format!("brain-user-{}.json", uuid::Uuid::new_v4()));
    let file = |token: &str| json!({ "type": "authorized_user", "client_id": "client", "client_secret": "secret", "refresh_token": token });
    std::fs::write(&path, file("revoked").to_string()).unwrap();
    let source = Source::File { path: path.clone(), subject: None };
    let mailer = mailer(GmailOptions { source, ..options(&google) });
    let _post = post(&service, mailer.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    let held = async {
        while mailer.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    std::fs::write(&path, file("refresh").to_string()).unwrap();
    // What SIGHUP does; without it the letter would wait for the end of the pause.
    mailer.reload().await;
    hurry(&service).await;
    std::fs::remove_file(path).unwrap();
    assert_eq!(google.seen().letters.len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (service, google) = with_faults([Fault::Answer(401, None, "authError")]).await;
    let _post = post(&service, mailer(options(&google)), None);
    ask_for_a_letter(&service, "a@b.c").await;
    google.until_taken(1).await;
    until_empty(&service).await;
    assert_eq!(google.letters_and_calls(), (1, 2));
    assert_eq!(google.seen().tokens, 2);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_and_stops_the_other_letters_too() {
    let limits = [
        Fault::Answer(429, Some(2), "rateLimitExceeded"),
        Fault::Answer(403, Some(1), "userRateLimitExceeded"),
    ];
    let (service, google) = with_faults(limits).await;
    let mailer = mailer(options(&google));
    let _post = post(&service, mailer.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    let held = async {
        while mailer.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    service.sign_up("b@b.c").await;
    ask_for_a_letter(&service, "b@b.c").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(google.seen().calls, 1);
    google.until_taken(2).await;
    until_empty(&service).await;
    assert_eq!(google.seen().calls, 4);
}

#[tokio::test]
async fn failures_of_googles_own_are_waited_out() {
    let unavailable = Fault::Answer(503, None, "backendError");
    let (service, google) = with_faults([unavailable.clone(), unavailable]).await;
    google.seen().next_token.push_back((503, "backend"));
    let _post = post(&service, mailer(options(&google)), None);
    ask_for_a_letter(&service, "a@b.c").await;
    hurry(&service).await;
    assert_eq!(google.letters_and_calls(), (1, 3));
}

#[tokio::test]
async fn a_letter_that_may_have_been_sent_is_tried_once_more() {
    let (service, google) = with_faults([Fault::Silence]).await;
    let mailer = mailer(hasty(&google));
    let _post = post(&service, mailer, None);
    ask_for_a_letter(&service, "a@b.c").await;
    hurry(&service).await;
    assert_eq!(google.letters_and_calls(), (1, 2));
    // Silence twice: a third letter might be the third of the same.
    service.sign_up("b@b.c").await;
    google.seen().next.extend([Fault::Silence, Fault::Silence]);
    ask_for_a_letter(&service, "b@b.c").await;
    hurry(&service).await;
    assert_eq!(google.letters_and_calls(), (1, 4));
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_once_more() {
    let (service, google) = with_faults([]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let behind = google.address().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((mut stream, _)) = listener.accept().await {
            if std::mem::take(&mut is_first) {
                let mut some = [0; 16];
                stream.read_exact(&mut some).await.unwrap();
                // What is left unread makes the system reset the connection.
                drop(stream);
                continue;
            }
            let mut google = TcpStream::connect(&behind).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut google).await });
        }
    });
    let _post = post(&service, mailer(GmailOptions { base_url, ..options(&google) }), None);
    ask_for_a_letter(&service, "a@b.c").await;
    hurry(&service).await;
    assert_eq!(google.letters_and_calls(), (1, 1));
}

#[tokio::test]
async fn a_refused_letter_is_given_up_and_a_forbidden_one_waits_for_the_operator() {
    let (service, google) = with_faults([Fault::Answer(400, None, "invalidArgument")]).await;
    let mailer = mailer(options(&google));
    let _post = post(&service, mailer.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    until_empty(&service).await;
    assert_eq!(google.letters_and_calls(), (0, 1));
    google.seen().next.push_back(Fault::Answer(403, None, "insufficientPermissions"));
    service.sign_up("b@b.c").await;
    ask_for_a_letter(&service, "b@b.c").await;
    let held = async {
        while mailer.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    assert!(mailer.pause().unwrap() > Duration::from_secs(50));
    assert_eq!(service.count("select count(*) from brain.letters where not is_doubtful").await, 1);
}

#[tokio::test]
async fn a_minutes_units_are_not_exceeded() {
    let (service, google) = with_faults([]).await;
    let mailer = mailer(GmailOptions { units_per_minute: 200, ..options(&google) });
    let _post = post(&service, mailer.clone(), None);
    for name in ["a", "b", "c", "d"] {
        if name != "a" {
            service.sign_up(&format!("{name}@b.c")).await;
        }
        ask_for_a_letter(&service, &format!("{name}@b.c")).await;
    }
    google.until_taken(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(google.seen().calls, 2);
    assert!(mailer.pause().unwrap() > Duration::from_secs(30));
    assert_eq!(service.count("select count(*) from brain.letters").await, 2);
}

#[tokio::test]
async fn a_days_letters_are_counted_for_all_servers_and_beyond_a_restart() {
    let (service, google) = with_faults([]).await;
    // The day of the service's clock is 2023-11-14.
    let days = "insert into brain.mailbox_days values
        ('no-reply@brain.example', '2023-10-14', 7), ('no-reply@brain.example', '2023-11-13', 7),
        ('other@brain.example', '2023-11-14', 7)";
    service.pool.execute(days, &[]).await.unwrap();
    // Each of these knows of the others what the database says alone.
    let mailer = || {
        let options = GmailOptions { letters_per_day: 2, ..options(&google) };
        Mailer::from(Way::Gmail(Gmail::new(options, sender(), service.clock.clone()).unwrap()))
    };
    for (name, letters) in [("a", 1), ("b", 2)] {
        if name != "a" {
            service.sign_up(&format!("{name}@b.c")).await;
        }
        let _post = post(&service, mailer(), None);
        ask_for_a_letter(&service, &format!("{name}@b.c")).await;
        google.until_taken(letters).await;
        let counted = format!(
            "select count(*) from brain.mailbox_days
            where mailbox = 'no-reply@brain.example' and day = '2023-11-14' and letters = {letters}"
        );
        let is_counted = async {
            while service.count(&counted).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), is_counted).await.unwrap();
    }
    service.sign_up("c@b.c").await;
    let last = mailer();
    assert_eq!(last.pause(), None);
    let _post = post(&service, last.clone(), None);
    ask_for_a_letter(&service, "c@b.c").await;
    let held = async {
        while last.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    assert_eq!(google.seen().calls, 2);
    assert_eq!(service.count("select count(*) from brain.letters").await, 1);
    assert_eq!(service.count("select count(*) from brain.mailbox_days").await, 3);
}

#[tokio::test]
async fn what_was_not_sent_takes_nothing_of_the_day() {
    let faults = [
        Fault::Answer(503, None, "backendError"),
        Fault::Answer(500, None, "backendError"),
        Fault::Answer(429, Some(1), "rateLimitExceeded"),
        Fault::Answer(403, Some(1), "userRateLimitExceeded"),
    ];
    let (service, google) = with_faults(faults.clone()).await;
    let mailer = mailer(GmailOptions { letters_per_day: 2, ..options(&google) });
    let _post = post(&service, mailer.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    hurry(&service).await;
    assert_eq!(google.letters_and_calls(), (1, faults.len() + 1));
    assert_eq!(service.count("select sum(letters) from brain.mailbox_days").await, 1);
    assert!(mailer.open().is_some());
}

#[tokio::test]
async fn a_letter_beyond_the_days_limit_goes_through_the_mail_server_where_it_may() {
    // By our own count, and by Google's.
    for (letters_per_day, fault) in [(1, None), (500, Some(Fault::Answer(403, None, "dailyLimitExceeded")))] {
        let (service, google) = with_faults([]).await;
        let mut server = MailServer::start(&[]).await;
        let first = mailer(GmailOptions { letters_per_day, ..options(&google) });
        let mailer = first.with_second(server.way(None));
        let _post = post(&service, mailer.clone(), None);
        ask_for_a_letter(&service, "a@b.c").await;
        google.until_taken(1).await;
        until_empty(&service).await;
        google.seen().next.extend(fault);
        service.sign_up("b@b.c").await;
        ask_for_a_letter(&service, "b@b.c").await;
        assert!(server.next().await.contains("To: b@b.c\r\n"));
        until_empty(&service).await;
        assert_eq!(google.seen().letters.len(), 1);
        assert_eq!(mailer.open().map(Way::name), Some("smtp"));
        // What the mail server sent is not the mailbox's.
        assert_eq!(service.count("select sum(letters) from brain.mailbox_days").await, 1);
    }
}

#[tokio::test]
async fn a_letter_waits_for_the_days_end_without_a_second_way_and_a_failure_is_no_days_end() {
    let (service, google) = with_faults([Fault::Answer(403, None, "dailyLimitExceeded")]).await;
    let alone = mailer(options(&google));
    let post_alone = post(&service, alone.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    let held = async {
        while alone.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    assert!(alone.pause().unwrap() > Duration::from_secs(800) && alone.open().is_none());
    assert_eq!(service.count("select count(*) from brain.letters").await, 1);
    drop(post_alone);

    let (service, google) = with_faults([Fault::Answer(403, None, "insufficientPermissions")]).await;
    let server = MailServer::start(&[]).await;
    let both = mailer(options(&google)).with_second(server.way(None));
    let _post = post(&service, both.clone(), None);
    ask_for_a_letter(&service, "a@b.c").await;
    let held = async {
        while both.pause().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    assert_eq!(service.count("select count(*) from brain.letters").await, 1);
    assert_eq!(server.connections.load(std::sync::atomic::Ordering::SeqCst), 0);
}
