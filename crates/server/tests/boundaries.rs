//! Who may depend on whom: `base <- db <- changes <- graphql`, `base <- clients <- app`, everything `<- server`.
//! Of `app`, only `app::auth` may use the database itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The parts of the workspace, each with the parts that it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("db", &["base"]),
    ("changes", &["base", "db"]),
    ("graphql", &["base", "db", "changes"]),
    ("clients", &["base"]),
    ("app", &["base", "db", "clients"]),
    ("brainmessenger", &["base", "db", "changes", "graphql", "clients", "app"]),
];

#[test]
fn parts_depend_only_downwards() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    assert_eq!(names, allowed.keys().copied().collect(), "a part without a rule");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            // What tests use is their own business.
            if names.contains(used) && dependency["kind"].is_null() {
                assert!(allowed[name].contains(used), "{name} must not depend on {used}");
            }
        }
    }
}

#[test]
fn of_the_features_only_sign_in_uses_the_database() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("auth") {
            for file in rust_files(&path) {
                let text = fs::read_to_string(&file).unwrap();
                assert!(!text.contains("db::"), "{} uses the database itself", file.display());
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
