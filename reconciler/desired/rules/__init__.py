"""What is wrong with a spec beyond its shape: rules that no schema can say, one module a topic."""
