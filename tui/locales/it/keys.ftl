keys-there-is-no = keys.{ $id }: nessun comando ha questo nome; `?` elenca tutti i nomi
keys-is-no-key = keys.{ $id }: `{ $chord }` non è un tasto; si scrive `ctrl-d`, `shift-f5`, `G`, `space`, oppure due come `z,t`
keys-already-means-there = keys.{ $id }: `{ $chord }` lì significa già `{ $other }`; dare a quello un altro tasto
