//! Roles that inherit from others: from which, and what that makes of permissions written for single roles.

use std::collections::{BTreeSet, HashMap};

use super::tracked::Tracked;
use crate::metadata::{InheritedRole, RolePermission};

impl Tracked {
    /// The permissions that hold for `role`: its own, or else those of the roles that it inherits from, each with the
    /// same rule.
    pub(super) fn permissions<'p, P>(&self, permissions: &'p [RolePermission<P>], role: &str) -> Vec<&'p P> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![role];
        while let Some(role) = waiting.pop() {
            if !seen.insert(role) {
                continue;
            }
            if let Some(own) = permissions.iter().find(|permission| permission.role == role) {
                found.push(&own.permission);
            } else {
                let parents = self.inherited_roles.get(role).into_iter().flatten();
                waiting.extend(parents.rev().map(String::as_str));
            }
        }
        found
    }

    /// Whether something that is granted to `roles` is `role`'s, its own or inherited.
    pub(super) fn is_granted(&self, roles: &[String], role: &str) -> bool {
        ancestors(&self.inherited_roles, role).iter().any(|known| roles.contains(known))
    }
}

/// `role` itself and all roles from which it inherits, through others too.
fn ancestors(inherited: &HashMap<String, Vec<String>>, role: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![role.to_owned()];
    while let Some(role) = waiting.pop() {
        if seen.insert(role.clone()) {
            waiting.extend(inherited.get(&role).into_iter().flatten().cloned());
        }
    }
    seen
}

/// The roles that inherit, with those from which each does. One that inherits from itself, through others too, is left
/// out, and said.
pub(super) fn inherited_roles(metadata: &[InheritedRole]) -> (HashMap<String, Vec<String>>, Vec<String>) {
    let all: HashMap<String, Vec<String>> =
        metadata.iter().map(|role| (role.role_name.clone(), role.role_set.clone())).collect();
    let in_circle = |role: &str| {
        let parents = all.get(role).into_iter().flatten();
        parents.into_iter().any(|parent| ancestors(&all, parent).contains(role))
    };
    let refused: BTreeSet<String> = all.keys().filter(|role| in_circle(role)).cloned().collect();
    let sentences = refused.iter().map(|role| format!("inherited role {role}: it inherits from itself"));
    let sentences = sentences.collect();
    let mut kept = all;
    kept.retain(|role, _| !refused.contains(role));
    (kept, sentences)
}
