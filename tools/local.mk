# lint, format
