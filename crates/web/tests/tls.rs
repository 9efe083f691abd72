//! Whom the client believes over TLS: a receiver whose certificate comes from an authority that was named, and no other.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_web::{Bounds, Client, Plain, WebError};
use bytes::Bytes;
use http::Request;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), answer: 64 };

/// An authority whose certificate lies in a file, and a server at `localhost` with a certificate of it.
struct Site {
    address: SocketAddr,
    authorities: PathBuf,
    _folder: TempDir,
}

impl Site {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        let authorities = folder.path().join("ca.pem");
        fs::write(&authorities, authority.pem()).expect("it is written");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&key, &authority).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Self { address: serve(leaf, key).await, authorities, _folder: folder }
    }

    fn request(&self) -> Request<Bytes> {
        Request::get(format!("https://localhost:{}/", self.address.port())).body(Bytes::new()).expect("a request")
    }
}

async fn serve(leaf: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let config = config.with_no_client_auth().with_single_cert(vec![leaf], key).expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A caller that does not believe us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    });
    address
}

#[tokio::test]
async fn a_receiver_of_the_named_authority_is_believed() {
    let site = Site::start().await;
    let client = Client::with_authorities(&site.authorities, Plain::Loopback).expect("it holds one");
    assert_eq!(client.send(site.request(), BOUNDS).await.expect("an answer").into_body(), "ok");
}

#[tokio::test]
async fn one_of_another_authority_is_told_nothing() {
    let (site, other) = (Site::start().await, Site::start().await);
    let platform = Client::new(Plain::Loopback).expect("TLS can be set up");
    let named = Client::with_authorities(&other.authorities, Plain::Loopback).expect("it holds one");
    for client in [platform, named] {
        let refused = client.send(site.request(), BOUNDS).await.expect_err("nobody vouches for it");
        assert!(matches!(&refused, WebError::Unreachable(why) if why.contains("certificate")), "{refused}");
    }
}

#[test]
fn a_file_without_an_authority_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("ca.pem");
    fs::write(&empty, "nothing").expect("it is written");
    for file in [empty, folder.path().join("none.pem")] {
        assert!(matches!(Client::with_authorities(&file, Plain::Loopback), Err(WebError::Authorities(_))));
    }
}
