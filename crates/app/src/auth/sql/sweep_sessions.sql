delete from brain.spent_refresh_tokens where spent_at < now() - interval '30 days'
