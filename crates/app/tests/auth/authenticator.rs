//! A security key in software: makes keys on P-256, answers challenges, and can be told to misbehave.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::service::text;

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// A security key with one credential.
pub(super) struct Authenticator {
    key: EcdsaKeyPair,
    id: [u8; 16],
    pub(super) counter: u32,
    pub(super) origin: String,
    /// Whether it asks for a finger or a PIN.
    pub(super) verifies: bool,
    /// Whose the credential is, as the server named them.
    user: Vec<u8>,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: *uuid::Uuid::new_v4().as_bytes(),
            counter: 0,
            origin: "http://localhost:3000".to_owned(),
            verifies: true,
            user: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    /// What `navigator.credentials.create` gives for these options, as JSON.
    pub(super) fn create(&mut self, options: &Value) -> Value {
        self.user = URL_SAFE_NO_PAD.decode(text(&options["user"]["id"])).unwrap();
        let mut data = self.data(text(&options["rp"]["id"]), HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(self.id);
        data.extend(self.public_key());
        // { "fmt": "none", "attStmt": {}, "authData": bytes }
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let client = self.client("webauthn.create", options);
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "attestationObject": URL_SAFE_NO_PAD.encode(object),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// What `navigator.credentials.get` gives for these options, as JSON.
    pub(super) fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let data = self.data(text(&options["rpId"]), 0);
        let client = self.client("webauthn.get", options);
        let signed = [data.as_slice(), Sha256::digest(&client).as_slice()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()),
                "userHandle": URL_SAFE_NO_PAD.encode(&self.user),
            },
        })
    }

    /// The authenticator's data up to the credential.
    fn data(&self, party: &str, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(party.as_bytes()).to_vec();
        data.push(flags | PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let client = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false,
        });
        client.to_string().into_bytes()
    }

    /// The public key in COSE: { 1: 2, 3: -7, -1: 1, -2: x, -3: y }.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &point[1..33], b"\x22\x58\x20", &point[33..65]].concat()
    }
}
