"""Outputs: a record in; text, tables, pictures and files for other tools out."""
