# What is wrong with keys in the configuration.

keys-there-is-no = keys.{ $id }: there is no command of this name; `?` lists all names
keys-is-no-key = keys.{ $id }: `{ $chord }` is no key; write keys like `ctrl-d`, `shift-f5`, `G`, `space`, or two as `z,t`
keys-already-means-there = keys.{ $id }: `{ $chord }` already means `{ $other }` there; give that one another key
