//! Whom the client trusts.

use std::net::SocketAddr;
use std::sync::Arc;

use clients::s3::Bucket;
use clients::testing::StoreOptions;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::open;

const KEY: &str = "uploads/1c/film.mp4";

#[tokio::test]
async fn a_store_that_is_not_there_or_not_to_be_trusted_is_told_apart() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    let mut settings = store.settings();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    settings.endpoint = Some(format!("http://{nobody}"));
    let bucket = Bucket::open(settings.clone(), store.keys()).unwrap();
    assert_eq!(bucket.head(KEY).await.unwrap_err().code(), "s3-unreachable");
    let (strange, _) = tls_server().await;
    settings.endpoint = Some(format!("https://{strange}"));
    let bucket = Bucket::open(settings, store.keys()).unwrap();
    assert_eq!(bucket.head(KEY).await.unwrap_err().code(), "s3-tls");
}

/// A server that ends every connection once it is encrypted, and its certificate, which nobody has signed.
async fn tls_server() -> (SocketAddr, String) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.cert.pem();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let _ = acceptor.accept(connection).await;
        }
    });
    (address, certificate)
}

#[tokio::test]
async fn certificates_of_ones_own_are_named_by_a_variable() {
    let file = |process: u32| std::env::temp_dir().join(format!("s3-certificate-{process}.pem"));
    let of_parent = file(std::os::unix::process::parent_id());
    if of_parent.exists() {
        // This is the process below: the variable is set, and read when the bucket is opened.
        let (address, certificate) = tls_server().await;
        std::fs::write(of_parent, certificate).unwrap();
        let (_folder, store, _) = open(StoreOptions::default()).await;
        let mut settings = store.settings();
        settings.endpoint = Some(format!("https://{address}"));
        let bucket = Bucket::open(settings, store.keys()).unwrap();
        let code = bucket.head(KEY).await.unwrap_err().code();
        assert!(["s3-broken", "s3-unreachable"].contains(&code), "{code}");
        return;
    }
    let own = file(std::process::id());
    std::fs::write(&own, "").unwrap();
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "s3::trust::certificates_of_ones_own_are_named_by_a_variable"])
        .env("SSL_CERT_FILE", &own)
        .output()
        .await
        .unwrap();
    std::fs::remove_file(&own).unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}
