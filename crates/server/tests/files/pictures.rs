//! Pictures: what they tell of the photographer stays outside, and they come in the size and format that is asked for.

use std::io::Cursor;

use http::{Method, StatusCode};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::everywhere;
use super::service::{ANNA, Answer, BORIS, Caller, Form, Place, Service};

everywhere! {
    a_photo_loses_its_place_and_is_described
    what_only_looks_like_a_picture_is_not_shown
    a_picture_comes_as_it_is_asked_for
    a_changed_picture_has_conditions_of_its_own
    the_format_is_negotiated
    options_are_for_pictures_and_within_bounds
    a_photo_that_takes_too_long_is_not_kept_as_it_came
    a_heic_may_claim_any_size
    what_is_no_picture_is_not_read_for_one
    a_replaced_picture_is_made_anew_and_a_deleted_one_forgotten
}

/// What a camera writes of where it was.
const PLACE: &[u8] = b"54.8985N 23.9036E";

fn picture(width: u32, height: u32) -> DynamicImage {
    let channel = |part: u32, of: u32| u8::try_from(part * 255 / of).unwrap();
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        Rgb([channel(x, width), channel(y, height), 90])
    }))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A picture without anything else.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(&picture(width, height), ImageFormat::Png)
}

/// A photo that lies on its side, and tells where it was taken.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let plain = encoded(&picture(width, height), ImageFormat::Jpeg);
    let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let exif = [tiff.as_slice(), PLACE].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..], b"a film", PLACE].concat()
}

fn tells_the_place(bytes: &[u8]) -> bool {
    bytes.windows(PLACE.len()).any(|window| window == PLACE)
}

async fn get(service: &Service, path: &str) -> Answer {
    service.fetch(Method::GET, path, Caller::User(ANNA), &[]).await
}

/// Width and height of a picture in an answer, and its format.
fn shown(answer: &Answer) -> (u32, u32, ImageFormat) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let format = image::guess_format(&answer.body).unwrap();
    assert_eq!(answer.header("content-type"), format.to_mime_type());
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let image = image::load_from_memory_with_format(&answer.body, format).unwrap();
    (image.width(), image.height(), format)
}

async fn details(service: &Service) -> Value {
    let query = "{ file_details { kind name mimeType size width height blurhash hasThumbnail } }";
    service.world.admin(query).await["file_details"][0].clone()
}

async fn a_photo_loses_its_place_and_is_described(place: Place) {
    let service = Service::start(place).await;
    let photo = photo(800, 600);
    assert!(tells_the_place(&photo));
    // What the client says it is does not matter.
    let id = service.stored("IMG_1.jpg", "text/plain", &photo).await;
    let answer = get(&service, &format!("/files/{id}")).await;
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert!(answer.header("content-disposition").starts_with("inline;"));
    assert!(!tells_the_place(&answer.body));
    let pixels = |bytes: &[u8]| image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).unwrap();
    assert_eq!(pixels(&answer.body), pixels(&photo), "nothing is encoded again");

    let mut details = details(&service).await;
    let blurhash = details["blurhash"].take();
    // Four by three waves: the first character says so, and each has two.
    assert_eq!((blurhash.as_str().unwrap().len(), &blurhash.as_str().unwrap()[..1]), (28, "L"));
    assert_eq!(
        details,
        json!({
            "kind": "picture", "name": "IMG_1.jpg", "mimeType": "image/jpeg", "size": answer.body.len(),
            "width": 600, "height": 800, "blurhash": null, "hasThumbnail": true,
        })
    );
    let small = get(&service, &format!("/files/{id}/thumbnail")).await;
    assert_eq!(shown(&small), (240, 320, ImageFormat::Jpeg));
    assert!(small.body.len() < answer.body.len());
}

async fn what_only_looks_like_a_picture_is_not_shown(place: Place) {
    let service = Service::start(place).await;
    let png = png(30, 20);
    let html = b"<html><script>alert(1)</script>";
    for (content, media_type) in [
        (html.as_slice(), "text/html"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "application/octet-stream"),
        (&png[..png.len() - 20], "application/octet-stream"),
        (&[b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), html, PLACE].concat(), "application/octet-stream"),
    ] {
        let id = service.stored("a.png", "image/png", content).await;
        let answer = get(&service, &format!("/files/{id}")).await;
        assert_eq!((answer.header("content-type"), answer.body.as_slice()), (media_type, content));
        assert!(answer.header("content-disposition").starts_with("attachment;"));
        assert_eq!(details(&service).await["kind"], "document");
        service.fetch(Method::DELETE, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
    }
}

async fn a_photo_that_takes_too_long_is_not_kept_as_it_came(place: Place) {
    let service = Service::start_in_a_hurry(place).await;
    let form = Form::new().file("a.jpg", "image/jpeg", &photo(800, 600)).end();
    let answer = service.upload_as(Caller::User(ANNA), form).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{}", answer.text());
    assert_eq!((service.rows().await.len(), service.objects().await.len()), (0, 0));
}

async fn a_picture_comes_as_it_is_asked_for(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("котик.jpg", "image/jpeg", &photo(80, 60)).await;
    for (query, expected) in [
        ("w=30", (30, 40, ImageFormat::Jpeg)),
        ("h=20&f=png", (15, 20, ImageFormat::Png)),
        ("w=32&h=32&f=webp&q=50", (32, 32, ImageFormat::WebP)),
        ("w=120&b=2.5&f=same", (120, 160, ImageFormat::Jpeg)),
    ] {
        let path = format!("/files/{id}?{query}");
        let made = get(&service, &path).await;
        assert_eq!(shown(&made), expected, "{query}");
        assert!(made.header("content-disposition").starts_with("inline;"));
        assert_eq!((made.header("accept-ranges"), made.header("cache-control")), ("", "max-age=3600"));
        assert_eq!(made.header("x-content-type-options"), "nosniff");
        // The second time it is kept, and a range of it does not count.
        let again = service.fetch(Method::GET, &path, Caller::User(ANNA), &[("range", "bytes=0-9")]).await;
        assert_eq!((again.status, &again.body, &again.headers), (StatusCode::OK, &made.body, &made.headers));
        let head = service.fetch(Method::HEAD, &path, Caller::User(ANNA), &[]).await;
        assert_eq!((head.status, head.body.len(), &head.headers), (StatusCode::OK, 0, &made.headers));
    }
    assert_eq!(service.changed_pictures(), 4);
    let name = |query: &str| {
        let path = format!("/files/{id}?{query}");
        let service = &service;
        async move { get(service, &path).await.header("content-disposition").to_owned() }
    };
    assert!(name("w=30").await.ends_with("%D0%BA.jpg"));
    assert!(name("w=30&f=jpeg").await.ends_with("%D0%BA.jpg"));
    assert!(name("h=20&f=png").await.ends_with("%D0%BA.jpg.png"));
    // Who may not see the file may not see it smaller.
    let answer = service.fetch(Method::GET, &format!("/files/{id}?w=30"), Caller::User(BORIS), &[]).await;
    assert_eq!(answer.error(), (404, "file not found".to_owned()));
}

async fn a_changed_picture_has_conditions_of_its_own(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.png", "image/png", &png(40, 40)).await;
    let (whole, path) = (get(&service, &format!("/files/{id}")).await, format!("/files/{id}?w=20"));
    let made = get(&service, &path).await;
    let other = get(&service, &format!("/files/{id}?w=21")).await;
    let (etag, whole) = (made.header("etag"), whole.header("etag"));
    assert!(etag != whole && etag != other.header("etag"));
    for (name, value, status) in [
        ("if-none-match", etag, 304),
        ("if-none-match", whole, 200),
        ("if-match", etag, 200),
        ("if-match", whole, 412),
    ] {
        let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[(name, value)]).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
}

async fn the_format_is_negotiated(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.png", "image/png", &png(40, 40)).await;
    let path = format!("/files/{id}?w=20&f=auto");
    for (accept, format) in [
        ("image/webp,image/*,*/*;q=0.8", ImageFormat::WebP),
        ("image/jpeg", ImageFormat::Jpeg),
        ("*/*", ImageFormat::Png),
    ] {
        let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[("accept", accept)]).await;
        assert_eq!(shown(&answer), (20, 20, format));
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert!(vary.iter().any(|value| *value == "accept"), "{vary:?}");
    }
    let accept = ("accept", "image/avif,image/webp");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[accept]).await;
    assert_eq!((answer.header("content-type"), &answer.body[4..12]), ("image/avif", b"ftypavif".as_slice()));
}

async fn options_are_for_pictures_and_within_bounds(place: Place) {
    let service = Service::start(place).await;
    let text = service.stored("a.txt", "text/plain", b"hello").await;
    let no_picture = "the file is not an image that can be changed: jpeg, png and webp can".to_owned();
    for query in ["w=10", "f=auto", "q=50"] {
        assert_eq!(get(&service, &format!("/files/{text}?{query}")).await.error(), (400, no_picture.clone()));
    }
    assert_eq!(get(&service, &format!("/files/{text}?f=same&x=1")).await.body, b"hello");
    let picture = service.stored("a.png", "image/png", &png(40, 40)).await;
    for query in ["w=0", "w=8193", "h=x", "q=101", "b=-1", "f=heic"] {
        let answer = get(&service, &format!("/files/{picture}?{query}")).await;
        assert_eq!(answer.error().0, 400, "{query}");
    }
    let answer = get(&service, &format!("/files/{picture}?w=8192&h=8192")).await;
    assert_eq!(answer.error(), (400, "the image is too large".to_owned()));
    assert_eq!(service.changed_pictures(), 0);
}

fn iso_box(kind: [u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [length.as_slice(), &kind, &content].concat()
}

/// A HEIC of one item that says how large it is.
fn heic(width: u32, height: u32) -> Vec<u8> {
    let file_type = iso_box(*b"ftyp", &[b"heic\0\0\0\0heicmif1"]);
    let meta = |at: usize| {
        let item = iso_box(*b"infe", &[&[2, 0, 0, 0, 0, 1, 0, 0], b"hvc1\0"]);
        let place = u32::try_from(at).unwrap().to_be_bytes();
        let size = iso_box(*b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()]);
        let association = iso_box(*b"ipma", &[&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1]]);
        let boxes = [
            iso_box(*b"pitm", &[&[0, 0, 0, 0, 0, 1]]),
            iso_box(*b"iinf", &[&[0, 0, 0, 0, 0, 1], &item]),
            iso_box(*b"iloc", &[&[0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1], &place, &[0, 0, 0, 4]]),
            iso_box(*b"iprp", &[&iso_box(*b"ipco", &[&size]), &association]),
        ];
        iso_box(*b"meta", &[&[0; 4], &boxes.concat()])
    };
    let at = file_type.len() + meta(0).len() + 8;
    [file_type, meta(at), iso_box(*b"mdat", &[b"pixels"])].concat()
}

async fn a_heic_may_claim_any_size(place: Place) {
    let service = Service::start(place).await;
    for ((width, height), media_type) in [
        ((4032, 3024), "image/heic"),
        ((u32::MAX, u32::MAX), "application/octet-stream"),
        ((1 << 31, 1), "application/octet-stream"),
        ((7071, 7072), "application/octet-stream"),
    ] {
        let id = service.stored("a.heic", "image/heic", &heic(width, height)).await;
        let answer = get(&service, &format!("/files/{id}")).await;
        assert_eq!(answer.header("content-type"), media_type, "{width}x{height}");
        let details = details(&service).await;
        let is_picture = media_type == "image/heic";
        let said = if is_picture { json!([width, height]) } else { json!([null, null]) };
        assert_eq!(json!([details["width"], details["height"]]), said);
        service.fetch(Method::DELETE, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
    }
}

async fn what_is_no_picture_is_not_read_for_one(place: Place) {
    let service = Service::start(place).await;
    let text = service.stored("a.txt", "text/plain", b"hello").await;
    for object in service.objects().await {
        service.lose(&object).await;
    }
    assert_eq!(get(&service, &format!("/files/{text}?w=10")).await.error().0, 400);
}

async fn a_replaced_picture_is_made_anew_and_a_deleted_one_forgotten(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.png", "image/png", &png(40, 20)).await;
    let (file, path) = (format!("/files/{id}"), format!("/files/{id}?w=20"));
    assert_eq!(shown(&get(&service, &path).await), (20, 10, ImageFormat::Png));
    let content = photo(20, 40);
    let form =
        Form::new().part("Content-Disposition: form-data; name=\"file\"; filename=\"b.jpg\"", &content);
    let content_type = format!("multipart/form-data; boundary={}", super::BOUNDARY);
    let request = Caller::User(ANNA).request(Method::PUT, &file).header("content-type", content_type);
    let answer = service.send(request.body(form.end().into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["mimeType"], "image/jpeg");
    assert_eq!(shown(&get(&service, &path).await), (20, 10, ImageFormat::Jpeg));
    assert!(!tells_the_place(&get(&service, &file).await.body));

    let answer = service.fetch(Method::DELETE, &file, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(service.changed_pictures(), 0);
    assert_eq!(get(&service, &path).await.status, StatusCode::NOT_FOUND);
}

/// An address in a bucket is the store's own, which changes nothing.
#[tokio::test]
async fn a_presigned_address_on_the_disk_takes_options() {
    let service = Service::start(Place::Disk).await;
    let id = service.stored("a.png", "image/png", &png(40, 40)).await;
    let answer = get(&service, &format!("/files/{id}/presignedurl")).await.json();
    let url = answer["url"].as_str().unwrap().strip_prefix("https://brain.example/v1").unwrap().to_owned();
    let fetch = |url: String| {
        let service = &service;
        async move { service.fetch(Method::GET, &url, Caller::Nobody, &[]).await }
    };
    assert_eq!(shown(&fetch(format!("{url}&w=10&f=webp")).await), (10, 10, ImageFormat::WebP));
    assert_eq!(shown(&fetch(url).await), (40, 40, ImageFormat::Png));
}
