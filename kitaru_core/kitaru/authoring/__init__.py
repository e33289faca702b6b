"""What a flow is written with: thin verbs over the engine."""
