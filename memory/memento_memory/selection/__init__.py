"""Which cases to show: hybrid candidates, their similarity, their value, and the policy over them."""
