//! The least rights that a server needs for its bucket, and those that setting it up needs, as policies of IAM.

use serde_json::{Value, json};

use super::setup::{self, Wanted};
use super::{Encryption, PREFIX, Settings};

/// The policy for a server: what `brainmessenger serve` and `brainmessenger storage check` do, and nothing else.
pub fn for_server(settings: &Settings, wanted: &Wanted) -> Value {
    let mut on_objects = vec![
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ];
    if settings.object_acl.is_some() {
        on_objects.push("s3:PutObjectAcl");
    }
    if wanted.may_restore {
        on_objects.push("s3:RestoreObject");
    }
    let bucket = bucket_arn(settings);
    let mut statements = vec![
        json!({
            "Sid": "Files",
            "Effect": "Allow",
            "Action": on_objects,
            "Resource": format!("{bucket}/{PREFIX}*")
        }),
        // Without it the store says "forbidden" of what is not there. Who asks for one object names no prefix.
        json!({
            "Sid": "WhatIsThere",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": { "StringLikeIfExists": { "s3:prefix": format!("{PREFIX}*") } }
        }),
    ];
    statements.extend(key_statement(settings));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The policy for whoever runs `brainmessenger storage setup`.
pub fn for_setup(settings: &Settings, wanted: &Wanted) -> Value {
    let actions = setup::rights(settings, wanted);
    let statement =
        json!({ "Sid": "SetUp", "Effect": "Allow", "Action": actions, "Resource": bucket_arn(settings) });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// The rights to a key of KMS. AWS's own key for S3 may be used by whoever may use the bucket.
fn key_statement(settings: &Settings) -> Option<Value> {
    let Encryption::Kms(Some(key)) = &settings.encryption else { return None };
    let (partition, region) = (partition(settings), &settings.region);
    let through = json!({ "kms:ViaService": format!("s3.{region}.amazonaws.com{}", suffix(settings)) });
    let mut condition = json!({ "StringEquals": through });
    let keys = format!("arn:{partition}:kms:{region}:*:key");
    let alias = key.split_once("alias/").map(|(_, alias)| format!("alias/{alias}"));
    let resource = match alias {
        // A policy knows keys by their ids alone; an alias is a condition.
        Some(alias) => {
            condition["ForAnyValue:StringEquals"] = json!({ "kms:ResourceAliases": alias });
            format!("{keys}/*")
        }
        None if key.starts_with("arn:") => key.clone(),
        None => format!("{keys}/{key}"),
    };
    Some(json!({
        "Sid": "Key",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": resource,
        "Condition": condition
    }))
}

/// The bucket's name in policies.
pub(super) fn bucket_arn(settings: &Settings) -> String {
    format!("arn:{}:s3:::{}", partition(settings), settings.bucket)
}

/// Which of AWS's separate clouds the region is in.
fn partition(settings: &Settings) -> &'static str {
    match settings.region.as_str() {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn suffix(settings: &Settings) -> &'static str {
    if partition(settings) == "aws-cn" { ".cn" } else { "" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings() -> Settings {
        Settings {
            bucket: "files".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
            public_endpoint: None,
            path_style: false,
            object_acl: None,
            encryption: Encryption::Store,
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(1),
            attempts: 1,
        }
    }

    fn actions(policy: &Value) -> Vec<String> {
        let all = policy["Statement"].as_array().unwrap().iter();
        let words = |action: &Value| match action {
            Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        all.flat_map(|statement| words(&statement["Action"])).collect()
    }

    #[test]
    fn a_server_may_only_what_it_is_configured_for() {
        let plain = for_server(&settings(), &Wanted::default());
        let least =
            ["PutObject", "GetObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts"];
        let least: Vec<String> =
            least.iter().chain(&["ListBucket"]).map(|name| format!("s3:{name}")).collect();
        assert_eq!(actions(&plain), least);
        assert_eq!(plain["Statement"][0]["Resource"], "arn:aws:s3:::files/uploads/*");

        let lists = Settings { object_acl: Some("private".to_owned()), ..settings() };
        assert!(actions(&for_server(&lists, &Wanted::default())).contains(&"s3:PutObjectAcl".to_owned()));
        let archived = Wanted { may_restore: true, ..Wanted::default() };
        assert!(actions(&for_server(&settings(), &archived)).contains(&"s3:RestoreObject".to_owned()));
    }

    #[test]
    fn a_key_is_named_as_policies_name_it() {
        let of = |region: &str, key: Option<&str>| {
            let encryption = Encryption::Kms(key.map(str::to_owned));
            let policy = for_server(
                &Settings { encryption, region: region.to_owned(), ..settings() },
                &Wanted::default(),
            );
            policy["Statement"].get(2).cloned()
        };
        assert_eq!(of("eu-central-1", None), None);
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/12-34";
        assert_eq!(of("eu-central-1", Some(arn)).unwrap()["Resource"], arn);
        let by_id = of("cn-north-1", Some("12-34")).unwrap();
        assert_eq!(by_id["Resource"], "arn:aws-cn:kms:cn-north-1:*:key/12-34");
        let service = &by_id["Condition"]["StringEquals"]["kms:ViaService"];
        assert_eq!(service, "s3.cn-north-1.amazonaws.com.cn");
        let by_alias = of("eu-central-1", Some("alias/files")).unwrap();
        assert_eq!(by_alias["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"], "alias/files");
    }

    #[test]
    fn setting_up_needs_rights_to_what_it_touches() {
        let touched = |settings: &Settings, wanted: &Wanted| actions(&for_setup(settings, wanted)).len();
        let origins = vec!["https://a.example".to_owned()];
        assert_eq!(touched(&settings(), &Wanted::default()), 10);
        assert_eq!(
            touched(&settings(), &Wanted { origins, refuse_plain_http: true, ..Wanted::default() }),
            14
        );
        let lists = Settings { object_acl: Some("private".to_owned()), ..settings() };
        assert_eq!(touched(&lists, &Wanted::default()), 8);
    }
}
