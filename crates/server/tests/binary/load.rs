//! Clients who put files, replace them, read them and delete them, until the server does not answer any more.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, StatusCode};
use image::{ImageFormat, RgbImage};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::ledger::{Entry, Seen};
use super::server::SECRET;

const BOUNDARY: &str = "----formdata-7";

/// The most bytes of a form's file.
const LARGEST: f64 = 5e6;

/// Bytes of a part.
const PART: usize = 8 << 20;

/// From so many files on, a client does not make more.
const FILES: usize = 25;

/// The server does not answer.
#[derive(Debug)]
pub(super) struct Gone;

/// Somebody with files of their own.
pub(super) struct Client {
    http: reqwest::Client,
    random: StdRng,
    /// The files that were ever asked for.
    pub(super) files: Vec<Entry>,
    /// How many steps were acknowledged, to all clients together.
    acknowledged: Arc<AtomicUsize>,
}

impl Client {
    /// Somebody without files, who adds to `acknowledged` what was answered.
    pub(super) fn new(seed: u64, acknowledged: Arc<AtomicUsize>) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { http: reqwest::Client::new(), random, files: Vec::new(), acknowledged }
    }

    /// Goes on until the server at `address` does not answer.
    pub(super) async fn work(mut self, address: String) -> Self {
        while self.step(&address).await.is_ok() {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        // Connections of a server that is gone are of no use.
        self.http = reqwest::Client::new();
        self
    }

    /// Looks no more at what was deleted and everybody agrees on.
    pub(super) fn forget_what_is_gone(&mut self) {
        self.files.retain(|entry| entry.certain() != Some(Seen::Nothing));
    }

    async fn step(&mut self, address: &str) -> Result<(), Gone> {
        let is_there = |entry: &Entry| entry.certain().is_some_and(|seen| seen != Seen::Nothing);
        let there: Vec<usize> = (0..self.files.len()).filter(|index| is_there(&self.files[*index])).collect();
        let some = there.get(self.random.random_range(0..there.len().max(1))).copied();
        let (Some(index), number) = (some, self.random.random_range(0..100)) else {
            return self.upload(address).await;
        };
        match number {
            0..40 if there.len() < FILES => self.upload(address).await,
            40..55 if there.len() < FILES => self.upload_in_parts(address).await,
            55..75 => self.replace(address, index).await,
            75..80 => self.read(address, index).await,
            _ => self.delete(address, index).await,
        }
    }

    async fn upload(&mut self, address: &str) -> Result<(), Gone> {
        let mut form = Vec::new();
        let first = self.files.len();
        for _ in 0..self.random.random_range(1..=3) {
            let (id, (name, content)) = (Uuid::new_v4(), self.content());
            let metadata = json!({ "id": id }).to_string();
            part(&mut form, "metadata[]", "", "application/json", metadata.as_bytes());
            part(&mut form, "file[]", name, "", &content);
            self.files.push(Entry::new(id, Seen::Nothing));
            self.files.last_mut().unwrap().ask(Seen::of(&content));
        }
        end(&mut form);
        let url = format!("{address}/v1/files");
        self.send(Method::POST, &url, Some(MULTIPART), form, StatusCode::CREATED).await?;
        self.files[first..].iter_mut().for_each(Entry::acknowledge);
        Ok(())
    }

    async fn replace(&mut self, address: &str, index: usize) -> Result<(), Gone> {
        let (name, content) = self.content();
        let mut form = Vec::new();
        part(&mut form, "file", name, "", &content);
        end(&mut form);
        self.files[index].ask(Seen::of(&content));
        let url = format!("{address}/v1/files/{}", self.files[index].id);
        self.send(Method::PUT, &url, Some(MULTIPART), form, StatusCode::OK).await?;
        self.files[index].acknowledge();
        Ok(())
    }

    async fn delete(&mut self, address: &str, index: usize) -> Result<(), Gone> {
        self.files[index].ask(Seen::Nothing);
        let url = format!("{address}/v1/files/{}", self.files[index].id);
        self.send(Method::DELETE, &url, None, Vec::new(), StatusCode::NO_CONTENT).await?;
        self.files[index].acknowledge();
        Ok(())
    }

    async fn read(&mut self, address: &str, index: usize) -> Result<(), Gone> {
        let seen = self.look(address, self.files[index].id).await?;
        assert_eq!(self.files[index].certain(), Some(seen));
        Ok(())
    }

    /// What the file shows.
    pub(super) async fn look(&self, address: &str, id: Uuid) -> Result<Seen, Gone> {
        let url = format!("{address}/v1/files/{id}");
        let answer = self.http.get(url).header("x-hasura-admin-secret", SECRET).send().await;
        let answer = answer.map_err(|_| Gone)?;
        match answer.status().as_u16() {
            200 => Ok(Seen::of(&answer.bytes().await.map_err(|_| Gone)?)),
            403 | 404 => Ok(Seen::Nothing),
            status => panic!("{status}: {:?}", answer.text().await),
        }
    }

    async fn upload_in_parts(&mut self, address: &str) -> Result<(), Gone> {
        let id = Uuid::new_v4();
        // A few have two parts.
        let content =
            if self.random.random_ratio(1, 10) { self.noise(PART + 1000) } else { self.content().1 };
        self.files.push(Entry::new(id, Seen::Nothing));
        let uploads = format!("{address}/v1/files/uploads");
        let announced = json!({ "id": id, "bucketId": "default", "name": "film.bin", "size": content.len() });
        self.post(&uploads, &announced, StatusCode::CREATED).await?;
        let hashes: Vec<String> = content.chunks(PART).map(hash).collect();
        let named = |(index, sha256): (usize, &String)| json!({ "number": index + 1, "sha256": sha256 });
        let asked = json!({ "parts": hashes.iter().enumerate().map(named).collect::<Vec<_>>() });
        let places = self.post(&format!("{uploads}/{id}/parts"), &asked, StatusCode::OK).await?;
        let mut sent = Vec::new();
        for (number, part) in content.chunks(PART).enumerate() {
            let etag = self.send_part(&places["parts"][number], part).await?;
            sent.push(json!({ "number": number + 1, "etag": etag, "sha256": hashes[number] }));
        }
        // Until somebody said that all is there, nothing may be readable.
        self.files.last_mut().unwrap().ask(Seen::of(&content));
        let complete = format!("{uploads}/{id}/complete");
        self.post(&complete, &json!({ "parts": sent }), StatusCode::OK).await?;
        self.files.last_mut().unwrap().acknowledge();
        Ok(())
    }

    async fn send_part(&self, place: &Value, part: &[u8]) -> Result<String, Gone> {
        let mut request = self.http.put(place["url"].as_str().unwrap()).body(part.to_vec());
        for (name, value) in place["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        let answer = request.send().await.map_err(|_| Gone)?;
        assert_eq!(answer.status(), StatusCode::OK);
        Ok(answer.headers()["etag"].to_str().unwrap().to_owned())
    }

    async fn post(&self, url: &str, json: &Value, wanted: StatusCode) -> Result<Value, Gone> {
        let body = json.to_string().into_bytes();
        let answer = self.send(Method::POST, url, Some("application/json"), body, wanted).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
        wanted: StatusCode,
    ) -> Result<Bytes, Gone> {
        let mut request = self.http.request(method, url).header("x-hasura-admin-secret", SECRET);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = request.body(body).send().await.map_err(|_| Gone)?;
        let status = answer.status();
        let body = answer.bytes().await;
        assert_eq!(status, wanted, "{url}: {body:?}");
        body.map_err(|_| Gone)
    }

    /// A file: small ones as often as large ones, and pictures, which have thumbnails.
    fn content(&mut self) -> (&'static str, Vec<u8>) {
        if self.random.random_ratio(1, 5) {
            let mut picture = RgbImage::new(400, 300);
            self.random.fill_bytes(&mut picture);
            let mut encoded = Cursor::new(Vec::new());
            picture.write_to(&mut encoded, ImageFormat::Png).unwrap();
            return ("photo.png", encoded.into_inner());
        }
        let size = LARGEST.powf(self.random.random_range(0.0..=1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 5,000,000")]
        let size = size as usize;
        ("a.bin", self.noise(size))
    }

    fn noise(&mut self, size: usize) -> Vec<u8> {
        let mut noise = vec![0; size];
        self.random.fill_bytes(&mut noise);
        noise
    }
}

const MULTIPART: &str = "multipart/form-data; boundary=----formdata-7";

fn part(form: &mut Vec<u8>, field: &str, name: &str, media_type: &str, content: &[u8]) {
    let disposition = format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"");
    let media_type =
        if media_type.is_empty() { String::new() } else { format!("\r\nContent-Type: {media_type}") };
    form.extend(format!("--{BOUNDARY}\r\n{disposition}{media_type}\r\n\r\n").as_bytes());
    form.extend(content);
    form.extend(b"\r\n");
}

fn end(form: &mut Vec<u8>) {
    form.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
}

fn hash(part: &[u8]) -> String {
    Sha256::digest(part).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
