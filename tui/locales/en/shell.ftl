# Files, the editor, the console without a screen.

cannot-be-made = cannot be made
the-editor-cannot-be = the editor cannot be started
the-editor = the editor: { $error }
the-editor-ended-with = the editor ended with { $status }: nothing was taken
the-edited-text-is = the edited text is larger than 1 MB: nothing was taken
this-is-too-long = this is too long for the clipboard
the-link-is-overloaded = the link is overloaded; try again
this-console-has-no = this console has no configuration file
choose-another-name = { $name }: { $error }; choose another name
changes-are-lost = the changes that were not saved could not be kept in { $path }: they are lost
changes-cannot-be-kept = your changes cannot be kept on this disk ({ $error }): save them (S) or drop them
written = written: { $name } ({ $size })
sla-without-a-screen = sla without a screen. Type a command (help lists them), one key, enter, esc, up, down, tab, or /filter. An empty line reads the screen again; quit leaves.
an-editor-needs-a = an editor needs a screen: change the set with `sla sets apply`
