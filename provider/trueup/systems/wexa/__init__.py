"""All that is known of Wexa: one file a kind, beside how it answers and refuses."""
