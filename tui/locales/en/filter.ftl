# What is wrong with a filter or an order.

a-filter-has-at = a filter has at most { $most } characters
needs-a-term-after = `!` needs a term after it
is-no-regular-expression = `{ $pattern }` is no regular expression
state-is-one-of = state is one of ok, at_risk, violated, no_data, excluded; `{ $wanted }` is none of them
a-quote-is-not = a quote is not closed
sort-must-be-one = sort: `{ $name }` must be one of { $known }
no-row-has-a = no row has a field `{ $name }`: there are { $fields } and the labels
of = { $shown } of { $all } { $noun }
