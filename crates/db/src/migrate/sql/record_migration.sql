insert into brain.migrations (set_name, version, name, sha256) values ($1, $2, $3, $4)
