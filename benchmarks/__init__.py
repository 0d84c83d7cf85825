"""What is measured: ``make figures`` prints it as one table."""
