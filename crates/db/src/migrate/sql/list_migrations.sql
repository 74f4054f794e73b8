select version, name, sha256 from brain.migrations where set_name = $1 order by version
