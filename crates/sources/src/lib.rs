//! One folder a system: reads it, maps its answers to observations, and edits it with a guard.
