//! The tables that the sign-in service has beside those of Nhost Auth, in the schema `brain`: made by
//! migrations of a set of their own, because Nhost Auth's tables stay as Nhost has them. One trigger stands on those:
//! sessions are ended by many, and all of them leave a trace.

use db::migrate::MigrationSet;

/// The migrations in order.
const ENTRIES: &[(&str, &str)] = &[
    ("1_letters", include_str!("migrations/1_letters/up.sql")),
    ("2_codes", include_str!("migrations/2_codes/up.sql")),
    ("3_second_factor", include_str!("migrations/3_second_factor/up.sql")),
    ("4_sessions", include_str!("migrations/4_sessions/up.sql")),
    ("5_email_factor", include_str!("migrations/5_email_factor/up.sql")),
    ("20_doubtful_letters", include_str!("migrations/20_doubtful_letters/up.sql")),
    ("21_provider_sign_ins", include_str!("migrations/21_provider_sign_ins/up.sql")),
    ("22_passkeys", include_str!("migrations/22_passkeys/up.sql")),
    ("23_mailbox_days", include_str!("migrations/23_mailbox_days/up.sql")),
    ("24_letter_pauses", include_str!("migrations/24_letter_pauses/up.sql")),
    ("25_ended_sessions", include_str!("migrations/25_ended_sessions/up.sql")),
    ("26_letters_out", include_str!("migrations/26_letters_out/up.sql")),
];

/// The sign-in service's migrations, to be applied after the platform's.
pub fn migrations() -> MigrationSet {
    match MigrationSet::from_entries("accounts", ENTRIES.iter().copied()) {
        Ok(set) => set,
        Err(error) => unreachable!("a test reads the names above: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_migration_is_well_named() {
        assert_eq!(super::migrations().migrations().len(), super::ENTRIES.len());
    }
}
