//! A bucket becomes right, whatever it was, and stays as it is the second time.

use serde_json::{Value, json};

use super::command::{Operator, Said};
use super::store::{Person, Store};

fn anybody() -> Person {
    Person { id: "AKIDNOBODY".to_owned(), secret: "none".to_owned() }
}

/// Whoever has the printed policy, with all that can be set up.
fn operator(bucket: &str) -> Operator {
    let settings = |operator: Operator| {
        operator
            .with("AWS_S3_ARCHIVE_AFTER_DAYS", "30")
            .with("AWS_S3_REFUSE_PLAIN_HTTP", "true")
            .with("AUTH_CLIENT_URL", "https://chat.example.com/")
    };
    let policy = settings(Operator::of_bucket(bucket, &anybody())).policy("setup");
    settings(Operator::of_bucket(bucket, &Store::shared().person(&policy)))
}

fn ask(operation: &str, bucket: &str) -> Value {
    Store::shared().call(operation, &json!({ "Bucket": bucket }))
}

const SUBJECTS: [&str; 7] = [
    "bucket",
    "object ownership",
    "public access",
    "encryption",
    "browsers (CORS)",
    "lifecycle",
    "plain HTTP",
];

fn assert_all_right(said: &Said) {
    assert!(said.succeeded, "{said:?}");
    assert_eq!(said.about("right"), SUBJECTS, "{said:?}");
}

#[test]
fn a_new_bucket_is_made_right_and_the_second_run_changes_nothing() {
    let operator = operator("new-bucket");
    let first = operator.run(&["setup"]);
    assert!(first.succeeded, "{first:?}");
    assert_eq!(first.line("bucket"), "changed  bucket: made new-bucket in eu-central-1");
    // It was made with the right owner of objects.
    assert_eq!(first.about("right"), ["object ownership"], "{first:?}");
    assert_all_right(&operator.run(&["setup"]));

    assert_eq!(ask("get_bucket_location", "new-bucket")["LocationConstraint"], "eu-central-1");
    let block = ask("get_public_access_block", "new-bucket");
    let block = block["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert!(block.len() == 4 && block.values().all(|is_blocked| is_blocked == true), "{block:?}");
    let rule = &ask("get_bucket_cors", "new-bucket")["CORSRules"][0];
    assert_eq!(rule["AllowedOrigins"], json!(["https://chat.example.com"]));
    assert!(rule["ExposeHeaders"].as_array().unwrap().contains(&json!("ETag")), "{rule}");
    let rules = ask("get_bucket_lifecycle_configuration", "new-bucket");
    assert_eq!(rules["Rules"][0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    assert_eq!(rules["Rules"][1]["Transitions"], json!([{ "Days": 30, "StorageClass": "GLACIER_IR" }]));
    assert_eq!(rules["Rules"][1]["Filter"], json!({ "Prefix": "uploads/" }));
}

#[test]
fn what_others_have_set_up_stays_and_what_is_ours_follows_the_settings() {
    let (store, bucket) = (Store::shared(), "old-bucket");
    let put = |operation: &str, name: &str, value: Value| {
        let mut arguments = json!({ "Bucket": bucket });
        arguments[name] = value;
        store.call(operation, &arguments);
    };
    put("create_bucket", "CreateBucketConfiguration", json!({ "LocationConstraint": "eu-central-1" }));
    let page = json!({ "ID": "shop", "AllowedOrigins": ["https://shop.example"], "AllowedMethods": ["GET"] });
    let ours = json!({ "ID": "brainmessenger", "AllowedOrigins": ["https://was.example"], "AllowedMethods": ["GET"] });
    put("put_bucket_cors", "CORSConfiguration", json!({ "CORSRules": [page, ours] }));
    let rule = json!({ "ID": "logs", "Status": "Enabled", "Filter": { "Prefix": "logs/" }, "Expiration": { "Days": 9 } });
    put("put_bucket_lifecycle_configuration", "LifecycleConfiguration", json!({ "Rules": [rule] }));
    let statement = json!({ "Sid": "Audit", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketLogging",
                            "Resource": "arn:aws:s3:::old-bucket" });
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    put("put_bucket_policy", "Policy", json!(policy.to_string()));

    let operator = operator(bucket);
    let first = operator.run(&["setup"]);
    assert!(first.succeeded, "{first:?}");
    assert_eq!(first.about("changed"), &SUBJECTS[1..], "{first:?}");
    assert!(first.line("lifecycle").ends_with("; 1 rules of others are left"), "{first:?}");
    assert_all_right(&operator.run(&["setup"]));

    let rules = ask("get_bucket_cors", bucket);
    let origins: Vec<_> =
        rules["CORSRules"].as_array().unwrap().iter().map(|rule| &rule["AllowedOrigins"][0]).collect();
    assert_eq!(origins, ["https://chat.example.com", "https://shop.example"]);
    let ids = |rules: &Value| -> Vec<String> {
        rules["Rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["ID"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = ["logs", "brainmessenger-unfinished-uploads", "brainmessenger-archive"];
    assert_eq!(ids(&ask("get_bucket_lifecycle_configuration", bucket)), all);
    let policy: Value =
        serde_json::from_str(ask("get_bucket_policy", bucket)["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Sid"], "Audit");
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);

    // Without an archive its rule goes, and with the other one it changes.
    let keys = Store::shared().person(&json!({ "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }));
    let plain = Operator::of_bucket(bucket, &keys);
    assert!(plain.run(&["setup"]).succeeded);
    assert_eq!(ids(&ask("get_bucket_lifecycle_configuration", bucket)), all[..2]);
    let deep = Operator::of_bucket(bucket, &keys)
        .with("AWS_S3_ARCHIVE_AFTER_DAYS", "90")
        .with("AWS_S3_ARCHIVE_CLASS", "GLACIER");
    assert!(deep.run(&["setup"]).line("lifecycle").contains("GLACIER after 90 days"));
    let kms = Operator::of_bucket(bucket, &keys).with("AWS_S3_SSE", "aws:kms");
    assert_eq!(kms.run(&["setup"]).line("encryption"), "changed  encryption: by aws:kms");
    // What is stricter is not made weaker.
    assert!(plain.run(&["setup"]).line("encryption").starts_with("right    encryption: by aws:kms"));
}

#[test]
fn a_missing_right_is_named_and_the_other_parts_are_done() {
    let policy = operator("any-bucket").policy("setup");
    let actions = policy["Statement"][0]["Action"].as_array().unwrap().clone();
    assert_eq!(actions.len(), 14);
    for (at, missing) in actions.iter().enumerate() {
        let bucket = format!("without-right-{at}");
        let missing = missing.as_str().unwrap();
        let least: Vec<_> = actions.iter().filter(|action| *action != missing).collect();
        let person = Store::shared().person(&json!({ "Version": "2012-10-17", "Statement":
            { "Effect": "Allow", "Action": least, "Resource": format!("arn:aws:s3:::{bucket}") } }));
        if missing != "s3:CreateBucket" {
            let place = json!({ "LocationConstraint": "eu-central-1" });
            Store::shared()
                .call("create_bucket", &json!({ "Bucket": bucket, "CreateBucketConfiguration": place }));
        }
        let operator = Operator::of_bucket(&bucket, &person)
            .with("AWS_S3_ARCHIVE_AFTER_DAYS", "30")
            .with("AWS_S3_REFUSE_PLAIN_HTTP", "true");
        let said = operator.run(&["setup"]);
        let failed: Vec<_> = said.output.lines().filter(|line| line.starts_with("failed")).collect();
        assert!(!said.succeeded && failed.len() == 1, "{missing}: {said:?}");
        assert!(failed[0].contains(&format!("the right {missing}")), "{missing}: {failed:?}");
        let lines = if missing == "s3:CreateBucket" { 1 } else { 7 };
        assert_eq!(said.output.lines().count(), lines, "{missing}: {said:?}");
        assert!(said.log.ends_with("steps failed\n"), "{said:?}");
    }
}

#[test]
fn what_is_wrong_with_keys_or_place_is_said_once() {
    let said = Operator::of_bucket("nobodys-bucket", &anybody()).run(&["setup"]);
    assert!(!said.succeeded);
    assert_eq!(said.output.lines().count(), 1, "{said:?}");
    assert!(said.line("bucket").contains("AWS_ACCESS_KEY_ID"), "{said:?}");

    let nowhere =
        Operator::of_bucket("nobodys-bucket", &anybody()).with("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
    let said = nowhere.run(&["setup"]);
    assert!(said.line("bucket").contains("cannot be reached"), "{said:?}");

    let said = Operator::new().run(&["setup"]);
    assert!(!said.succeeded && said.log.contains("AWS_S3_BUCKET is not set"), "{said:?}");
    assert!(!said.log.contains("panicked"), "{said:?}");
}
