//! Tests of `media_type`.

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

const HTML: &[u8] = b"<html><script>alert(1)</script>";
const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";
const WEBM: &[u8] = &{
    let mut head = [0_u8; 300];
    let (mark, _) = head.split_at_mut(24);
    mark.copy_from_slice(
        b"\x1a\x45\xdf\xa3\x93\x42\x86\x81\x01\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02",
    );
    head
};
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0";
const BINARY: &[u8] = b"\0\x01\x02\xff";

#[test]
fn a_declared_type_that_says_nothing_does_not_count() {
    for nothing in [None, Some(""), Some("application/octet-stream"), Some("Application/Octet-Stream; x=1")] {
        assert_eq!(of_upload(nothing, PNG), "image/png", "{nothing:?}");
    }
    for malformed in ["text", "text/", "/plain", "a b/c", "text/plain\u{7f}", "texт/plain"] {
        assert_eq!(of_upload(Some(malformed), PNG), "image/png", "{malformed}");
    }
}

/// Whoever reads headers otherwise than we do must not find another type in one.
#[test]
fn a_type_that_can_be_read_as_another_one_does_not_count() {
    for malformed in [
        "text/plain;,text/html",
        "text/plain,text/html",
        "text/plain; charset=utf-8,text/html",
        "text/plain; charset=utf-8, text/html; x=y",
        "text/plain; x=\"a\", text/html",
        "text/plain; x=\"a\\\", text/html",
        "text/plain; x=\"a\"b\", text/html\"",
        "text/plain; x",
        "text/plain; x=",
        "text/plain; =y",
        "text/plain; x y=z",
        "text/plain; x= y",
        "text/plain;",
        "text/plain;;x=y",
        "text/plain; x=\"\u{1}\"",
        "text/plain; x=\ty",
    ] {
        assert!(!is_type(malformed), "{malformed}");
        assert_eq!(of_upload(Some(malformed), b"hello"), "text/plain; charset=utf-8", "{malformed}");
        assert_eq!(served(malformed), UNKNOWN, "{malformed}");
    }
    let commas_in_quotes = "video/x-own; codecs=\"vp8, opus\" ;x=\"\\\"\\\\\"";
    assert_eq!(of_upload(Some(commas_in_quotes), BINARY), commas_in_quotes);
}

#[test]
fn what_is_shown_in_place_says_its_letters_and_its_codecs_alone() {
    for (declared, head, kept) in [
        ("text/plain; charset=koi8-r; x=y", b"hello".as_slice(), "text/plain; charset=koi8-r"),
        ("text/plain;x=\"text/html\"", b"hello", "text/plain"),
        ("audio/webm; x=y ;CODECS=\"opus\"", WEBM, "audio/webm;CODECS=\"opus\""),
        ("text/csv; header=present", b"a,b", "text/csv; header=present"),
    ] {
        assert_eq!(of_upload(Some(declared), head), kept);
        assert_eq!(served(declared), kept);
    }
}

#[test]
fn the_declared_type_counts_where_the_content_may_be_that() {
    for (declared, head) in [
        ("text/markdown; charset=utf-8", b"# Title".as_slice()),
        ("text/csv", b"a,b\n1,2\n"),
        ("text/csv", b"\xcf\xf0\xe8\xe2\xe5\xf2;1"),
        ("application/json", b"{}"),
        ("text/html", HTML),
        ("text/plain", HTML),
        ("image/svg+xml", b"<?xml version='1.0'?><svg/>"),
        ("text/plain", b"BMW is no bitmap"),
        ("application/vnd.android.package-archive", ZIP),
        ("application/x-own", BINARY),
        ("image/x-tga", BINARY),
        ("video/mp2t", BINARY),
        ("audio/webm;codecs=opus", WEBM),
        ("AUDIO/MP4", MP4),
        ("video/quicktime", MP4),
    ] {
        assert_eq!(of_upload(Some(declared), head), declared);
    }
}

#[test]
fn the_content_counts_where_it_is_something_else() {
    for (declared, head, media_type) in [
        ("image/png", HTML, "text/html"),
        ("image/png", b"<svg onload='x'/>", "text/plain; charset=utf-8"),
        ("image/png", BINARY, UNKNOWN),
        ("image/png", b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        ("video/mp4", ZIP, "application/zip"),
        ("application/pdf", BINARY, UNKNOWN),
        ("application/pdf", HTML, "text/html"),
        ("text/plain; charset=utf-8", PNG, "image/png"),
        ("text/html", PNG, "image/png"),
        ("image/x-own", PNG, "image/png"),
        ("image/svg+xml", PNG, "image/png"),
        ("text/csv", ZIP, "application/zip"),
        ("text/plain", BINARY, UNKNOWN),
        ("audio/webm", MP4, "video/mp4"),
    ] {
        assert_eq!(of_upload(Some(declared), head), media_type, "{declared}");
    }
}

#[test]
fn the_content_shows_its_type() {
    let shown = |head: &[u8]| of_upload(None, head);
    assert_eq!(shown(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
    assert_eq!(shown(b"%PDF-1.7"), "application/pdf");
    assert_eq!(shown("Привет".as_bytes()), "text/plain; charset=utf-8");
    assert_eq!(shown(&"Привет".as_bytes()[..5]), "text/plain; charset=utf-8");
    assert_eq!(shown(b"<html><script>"), "text/html");
    assert_eq!(shown(b"\0\x01\x02"), UNKNOWN);
    assert_eq!(shown(b""), UNKNOWN);
    assert_eq!(shown(b"BMW is no bitmap"), "text/plain; charset=utf-8");
    assert_eq!((shown(MP4), shown(WEBM)), ("video/mp4".to_owned(), "video/webm".to_owned()));
    assert_eq!(shown(b"\0\0\0\x18ftypM4A \0\0\0\0"), "audio/mp4");
    assert_eq!(shown(b"\0\0\0\x14ftypheic\0\0\0\0mif1"), "image/heic");
    assert_eq!(shown(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), "image/avif");
    assert_eq!(shown(b"RIFF\x24\0\0\0WAVEfmt "), "audio/wav");
    assert_eq!(shown(b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead"), "audio/ogg");
}

#[test]
fn only_what_runs_nothing_is_shown_in_place() {
    for shown in ["image/png", "IMAGE/JPEG", "text/plain; charset=utf-8", "video/mp4"] {
        assert!(is_shown_in_place(shown), "{shown}");
    }
    for saved in ["text/html", "image/svg+xml", "application/xml", "application/pdf", "text/xml", "", UNKNOWN]
    {
        assert!(!is_shown_in_place(saved), "{saved}");
    }
}
