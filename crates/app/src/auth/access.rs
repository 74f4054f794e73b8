//! Which addresses may have an account at all: Nhost Auth's lists of addresses and domains, in its order. A blocked
//! address, an allowed one, a blocked domain, an allowed one; what is on no list may where nothing is allowed by name.

use std::collections::BTreeSet;

use super::error::AuthError;

/// The lists, in small letters.
#[derive(Clone, Debug, Default)]
pub struct AddressRules {
    allowed: BTreeSet<String>,
    blocked: BTreeSet<String>,
    allowed_domains: BTreeSet<String>,
    blocked_domains: BTreeSet<String>,
}

impl AddressRules {
    /// Lists of addresses and of domains.
    pub fn new(
        allowed: &[String],
        blocked: &[String],
        allowed_domains: &[String],
        blocked_domains: &[String],
    ) -> Self {
        let set = |list: &[String]| {
            let entries = list.iter().map(|entry| entry.trim().to_ascii_lowercase());
            entries.filter(|entry| !entry.is_empty()).collect()
        };
        Self {
            allowed: set(allowed),
            blocked: set(blocked),
            allowed_domains: set(allowed_domains),
            blocked_domains: set(blocked_domains),
        }
    }

    /// Refuses an address as one that is unknown.
    pub(super) fn check(&self, email: &str) -> Result<(), AuthError> {
        let email = email.to_ascii_lowercase();
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let may = if self.blocked.contains(&email) {
            false
        } else if self.allowed.contains(&email) {
            true
        } else if self.blocked_domains.contains(domain) {
            false
        } else {
            self.allowed_domains.contains(domain)
                || (self.allowed.is_empty() && self.allowed_domains.is_empty())
        };
        if may { Ok(()) } else { Err(AuthError::InvalidEmailPassword) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(lists: [&[&str]; 4]) -> AddressRules {
        let [allowed, blocked, allowed_domains, blocked_domains] =
            lists.map(|list| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>());
        AddressRules::new(&allowed, &blocked, &allowed_domains, &blocked_domains)
    }

    #[test]
    fn the_order_is_nhosts() {
        let may = |rules: &AddressRules, email: &str| rules.check(email).is_ok();
        assert!(may(&rules([&[], &[], &[], &[]]), "a@b.c"));
        assert!(!may(&rules([&["a@b.c"], &["A@b.c"], &[], &[]]), "a@B.c"));
        let partly = rules([&["boss@bad.org"], &[], &["good.org"], &["bad.org"]]);
        assert!(may(&partly, "Boss@bad.org") && may(&partly, "x@Good.org"));
        assert!(!may(&partly, "x@bad.org") && !may(&partly, "x@else.org") && !may(&partly, "x@sub.good.org"));
        let blocked = rules([&[], &["a@b.c"], &[], &["bad.org"]]);
        assert!(may(&blocked, "x@b.c") && !may(&blocked, "x@bad.org") && !may(&blocked, "a@b.c"));
    }
}
