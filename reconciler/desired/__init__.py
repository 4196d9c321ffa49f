"""What Git wants: app specs in YAML files, loaded, substituted and validated offline."""
