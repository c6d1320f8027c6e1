//! SLA sets, evaluation, violations past, present and to come.
