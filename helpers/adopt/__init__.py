"""A team's own copy: a runbook for its service, with all that keeps the runbook true."""
