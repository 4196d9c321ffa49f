"""Pages in HTML: one file without network, and the parts that several pages share. Knows no app, no plan."""
