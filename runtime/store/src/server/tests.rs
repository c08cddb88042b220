//! What only database servers have: leases, plans, outages.
