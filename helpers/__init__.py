"""What a notebook imports: one small module a subject, official clients only."""
