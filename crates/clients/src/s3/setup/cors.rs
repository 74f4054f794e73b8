//! From which pages browsers may call the store: those of the web client. Rules that others made stay.

use std::collections::BTreeSet;

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};

use super::refusal::{Refusal, absent_is};
use super::{Part, Target};

/// The name of our rule among the bucket's.
const RULE: &str = "brainmessenger";

/// What presigned addresses are made for: reading, a part, a form.
const METHODS: [&str; 4] = ["GET", "HEAD", "PUT", "POST"];

/// What a page reads of an answer: the tag of a part that was sent, and what a download in pieces needs.
const EXPOSED: [&str; 4] = ["ETag", "Content-Range", "Accept-Ranges", "Content-Disposition"];

/// How long browsers may remember that they may, in seconds.
const MAX_AGE: i32 = 3600;

/// The web client's pages, by their origins.
pub(super) struct Browsers<'a>(pub(super) &'a [String]);

impl Part for Browsers<'_> {
    type State = Vec<CorsRule>;

    const SUBJECT: &'static str = "browsers (CORS)";
    const READ: &'static str = "s3:GetBucketCORS";
    const WRITE: &'static str = "s3:PutBucketCORS";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let asked = target.client.get_bucket_cors().bucket(&target.settings.bucket).send().await;
        let found = absent_is(None, "NoSuchCORSConfiguration", asked.map(Some))?;
        Ok(found.and_then(|found| found.cors_rules).unwrap_or_default())
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        let wanted = self.rule()?;
        if found.iter().any(|rule| is_same(rule, &wanted)) {
            return None;
        }
        let mut rules: Vec<CorsRule> = found.iter().filter(|rule| rule.id() != Some(RULE)).cloned().collect();
        // Of the rules that fit a call the first one answers it.
        rules.insert(0, wanted);
        Some(rules)
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let configuration = CorsConfiguration::builder().set_cors_rules(Some(state)).build()?;
        let put = target.client.put_bucket_cors().bucket(&target.settings.bucket);
        put.cors_configuration(configuration).send().await?;
        Ok(())
    }

    fn describe(&self, _: &Self::State) -> String {
        format!("open to {}", self.0.join(", "))
    }
}

impl Browsers<'_> {
    fn rule(&self) -> Option<CorsRule> {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        CorsRule::builder()
            .id(RULE)
            .set_allowed_origins(Some(self.0.to_vec()))
            .set_allowed_methods(texts(&METHODS))
            .allowed_headers("*")
            .set_expose_headers(texts(&EXPOSED))
            .max_age_seconds(MAX_AGE)
            .build()
            .ok()
    }
}

/// Whether two rules say the same, in whatever order.
fn is_same(one: &CorsRule, other: &CorsRule) -> bool {
    fn all<'a>(of: impl Fn(&'a CorsRule) -> &'a [String], rule: &'a CorsRule) -> BTreeSet<&'a str> {
        of(rule).iter().map(String::as_str).collect()
    }
    one.id() == other.id()
        && all(CorsRule::allowed_origins, one) == all(CorsRule::allowed_origins, other)
        && all(CorsRule::allowed_methods, one) == all(CorsRule::allowed_methods, other)
        && all(CorsRule::allowed_headers, one) == all(CorsRule::allowed_headers, other)
        && all(CorsRule::expose_headers, one) == all(CorsRule::expose_headers, other)
        && one.max_age_seconds() == other.max_age_seconds()
}
