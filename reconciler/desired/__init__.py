"""What Git wants: YAML files of app specs, loaded, substituted and judged without a network."""
