//! What a letter's failure means, by how much of it the mail server had.

use std::time::Duration;

use clients::Again;
use clients::mail::{Letter, Security, Sender, Smtp, SmtpOptions, Way};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a mail server does with a letter's text.
#[derive(Clone, Copy)]
enum Fault {
    HangUpInText,
    StopReading,
    HangUpAtEnd,
}

async fn serve(stream: TcpStream, fault: Fault) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 double\r\n").await?;
    let (mut line, mut is_text) = (String::new(), false);
    while stream.read_line(&mut line).await? > 0 {
        match (is_text, fault) {
            (true, Fault::HangUpInText) => return Ok(()),
            (true, Fault::StopReading) => tokio::time::sleep(Duration::from_secs(30)).await,
            (true, Fault::HangUpAtEnd) if line == ".\r\n" => return Ok(()),
            (true, Fault::HangUpAtEnd) => {}
            (false, _) => {
                is_text = line == "DATA\r\n";
                stream.write_all(if is_text { b"354 go on\r\n" } else { b"250 fine\r\n" }).await?;
            }
        }
        line.clear();
    }
    Ok(())
}

/// Sends a letter of so many lines to a server with the fault.
async fn send(fault: Fault, lines: usize) -> clients::Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, fault).await
    });
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        credentials: None,
        step_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(if matches!(fault, Fault::StopReading) { 8 } else { 60 }),
        tries: None,
    };
    let way = Way::Smtp(Smtp::new(options, Sender::parse("no-reply@brain.example").unwrap()).unwrap());
    let letter = Letter {
        id: uuid::Uuid::nil(),
        written_at: 1_700_000_000,
        useful_for: Duration::from_mins(2),
        to: "ann@example.org".to_owned(),
        subject: "Your code".to_owned(),
        text: format!("{}\r\n", "a line ".repeat(10)).repeat(lines),
        html: "<p>123456</p>".to_owned(),
        headers: Vec::new(),
    };
    way.send(&letter, async {}).await.unwrap_err()
}

#[tokio::test]
async fn a_letter_is_in_doubt_only_after_its_whole_text() {
    // More than the system keeps for a reader who does not read.
    let large = 300_000;
    for (fault, lines, code, again) in [
        (Fault::HangUpInText, large, "smtp-unreachable", Again::Later),
        (Fault::StopReading, large, "smtp-silent", Again::Later),
        (Fault::HangUpAtEnd, 1, "smtp-doubtful", Again::Once),
    ] {
        let error = send(fault, lines).await;
        assert_eq!((error.code(), error.again()), (code, again));
    }
}
