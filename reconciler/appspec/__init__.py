"""The platform's language: the one package that knows the fields of an app spec."""
