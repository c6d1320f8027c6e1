a-filter-has-at = un filtro ha al più { $most } caratteri
needs-a-term-after = dopo `!` serve un termine
is-no-regular-expression = `{ $pattern }` non è un'espressione regolare
state-is-one-of = state è uno di ok, at_risk, violated, no_data, excluded; `{ $wanted }` non è tra questi
a-quote-is-not = una virgoletta non è chiusa
sort-must-be-one = sort: `{ $name }` deve essere uno di { $known }
no-row-has-a = nessuna riga ha un campo `{ $name }`: ci sono { $fields } e le etichette
of = { $shown } di { $all } { $noun }
