delete from brain.tickets where expires_at < now()
