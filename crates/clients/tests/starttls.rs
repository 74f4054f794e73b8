//! Letters over a real connection that becomes encrypted by STARTTLS, or does not.
//!
//! Which authorities are trusted is the process's affair (`SSL_CERT_FILE`), so the letter that must arrive is sent by
//! a process of its own: this program again, told where the server is.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clients::mail::{Letter, Security, Sender, Smtp, SmtpOptions, Way};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// Of this machine, and none of the names that are spoken to without encryption.
const HOST: &str = "127.0.0.2";

/// Tells the other process where the server is.
const PORT: &str = "BRAIN_TEST_SMTP_PORT";

/// A mail server with a certificate, or one that offers no encryption.
struct MailServer {
    port: u16,
    /// Everything that it was told, a line each; those after the encryption begin with `TLS `.
    told: mpsc::UnboundedReceiver<String>,
}

impl MailServer {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, sender) = (tls.clone(), sender.clone());
                tokio::spawn(async move { serve(stream, tls, sender).await });
            }
        });
        Self { port, told }
    }

    /// What was told before nobody can say any more.
    fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

async fn serve(mut stream: TcpStream, tls: Option<TlsAcceptor>, told: mpsc::UnboundedSender<String>) {
    stream.write_all(b"220 double\r\n").await.unwrap();
    if talk(&mut stream, "", tls.is_some(), &told).await
        && let Some(tls) = tls
        && let Ok(mut stream) = tls.accept(stream).await
    {
        talk(&mut stream, "TLS ", false, &told).await;
    }
}

/// Speaks SMTP; true when the client asked for encryption.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    mark: &str,
    offers_tls: bool,
    told: &mpsc::UnboundedSender<String>,
) -> bool {
    let mut stream = BufReader::new(stream);
    let mut in_letter = false;
    loop {
        let mut line = String::new();
        if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            return false;
        }
        let _ = told.send(format!("{mark}{}", line.trim_end()));
        let reply = match line.get(..4).unwrap_or_default() {
            _ if in_letter && line != ".\r\n" => continue,
            "EHLO" if !mark.is_empty() => "250-double\r\n250 AUTH PLAIN",
            "AUTH" => "235 welcome",
            "EHLO" if offers_tls => "250-double\r\n250 STARTTLS",
            "STAR" => "220 go on",
            "DATA" => "354 go on",
            _ => "250 fine",
        };
        in_letter = reply.starts_with("354");
        if stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
            return false;
        }
        if reply.starts_with("220") {
            return true;
        }
    }
}

fn mailer(port: u16) -> Way {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = SmtpOptions {
        host: HOST.to_owned(),
        port,
        security: Security::StartTls,
        credentials: Some(("robot".to_owned(), "password of the robot".to_owned().into())),
        step_timeout: Duration::from_secs(20),
        timeout: Duration::from_mins(1),
        tries: None,
    };
    Way::Smtp(Smtp::new(options, Sender::parse("Brain <no-reply@brain.example>").unwrap()).unwrap())
}

fn letter() -> Letter {
    Letter {
        id: uuid::Uuid::nil(),
        written_at: 1_700_000_000,
        useful_for: Duration::from_mins(1),
        to: "ann@example.org".to_owned(),
        subject: "Your code: 123456".to_owned(),
        text: "your code is 123456".to_owned(),
        html: "<p>your code is 123456</p>".to_owned(),
        headers: Vec::new(),
    }
}

/// An authority's certificate as PEM, and a server that has one of it.
fn authority() -> (String, TlsAcceptor) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = parameters.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(parameters, authority_key);
    let certificate =
        CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_letter_goes_encrypted_to_a_server_that_is_trusted() {
    let (authority, tls) = authority();
    let mut server = MailServer::start(Some(tls)).await;
    let file = std::env::temp_dir().join(format!("brain-starttls-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, authority).unwrap();
    let mut sender = Command::new(std::env::current_exe().unwrap());
    sender.args(["--exact", "starttls::sends_one_letter", "--ignored"]);
    sender.env("SSL_CERT_FILE", &file).env(PORT, server.port.to_string());
    let output = tokio::task::spawn_blocking(move || sender.output().unwrap()).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let told = server.all();
    let (open, encrypted): (Vec<_>, Vec<_>) = told.into_iter().partition(|line| !line.starts_with("TLS "));
    assert!(open.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"), "{open:?}");
    for part in
        ["TLS EHLO", "TLS AUTH PLAIN ", "TLS RCPT TO:<ann@example.org>", "TLS Subject: Your code: 123456"]
    {
        assert!(encrypted.iter().any(|line| line.starts_with(part)), "{part}: {encrypted:?}");
    }
}

/// Run by the test above alone, in a process that trusts its authority.
#[tokio::test]
#[ignore = "another test starts it with its server's address"]
async fn sends_one_letter() {
    #[expect(clippy::disallowed_methods, reason = "there is no other way to tell a test of another process")]
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    mailer(port).send(&letter(), async {}).await.unwrap();
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_is_not_trusted_or_does_not_encrypt() {
    let (_, tls) = authority();
    for tls in [Some(tls), None] {
        let mut server = MailServer::start(tls).await;
        let refused = mailer(server.port).send(&letter(), async {}).await;
        assert!(refused.is_err());
        let told = server.all();
        let harmless =
            |line: &String| line.starts_with("EHLO") || ["STARTTLS", "QUIT", "RSET"].contains(&line.as_str());
        assert!(told.iter().all(harmless), "{told:?}");
    }
}
