"""All that is known of Den, the OpenWork control plane: one file a kind, beside how it lists, limits and refuses."""
