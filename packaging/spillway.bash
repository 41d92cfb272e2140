# SPDX-License-Identifier: GPL-2.0-only
# Completion of spillway(8) for bash: verbs, options, levels, files, names of lists. Verbs and options come from --help, so
# that they cannot differ from the program's. Needs no bash-completion package.
# shellcheck shell=bash disable=SC2207,SC2001 # words out of fixed lists have no blanks; names and files are read line by line

# Files that begin with $1, folders too; the endings in $2, split by |, come before all others.
_spillway_files() {
	local path
	compopt -o filenames 2>/dev/null
	COMPREPLY=()
	while IFS= read -r path; do
		[[ -z $2 || -d $path || $path =~ \.($2)$ ]] && COMPREPLY+=("$path")
	done < <(compgen -f -- "$1")
	[[ ${#COMPREPLY[@]} -gt 0 ]] && return
	while IFS= read -r path; do
		COMPREPLY+=("$path")
	done < <(compgen -f -- "$1")
}

# Names of lists out of the pinned maps; nothing where there are none or this is not root.
_spillway_lists() {
	local name
	COMPREPLY=()
	while IFS= read -r name; do
		[[ $name == "$1"* ]] && COMPREPLY+=("$(printf %q "$name")")
	done < <("${words[0]}" "${config[@]}" -j list show 2>/dev/null |
		sed -n 's/^[[:space:]]*"name": "\([^"\\]*\)",\{0,1\}$/\1/p')
}

# Options of a verb, or of the command without one, from its --help: one a line with its value,
# "--level green|yellow|orange|red"; a short name has a line of its own.
_spillway_options() {
	"${words[0]}" "$@" --help 2>/dev/null |
		sed -nE 's/^  (-[a-zA-Z]), (--[a-z]+)( [^ ]+)?  .*/\1\3\n\2\3/p; s/^      (--[a-z]+)( [^ ]+)?  .*/\1\2/p'
}

# Verbs, from --help.
_spillway_verbs() {
	"${words[0]}" --help 2>/dev/null | sed -nE '/^verbs:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

# The words to choose from, or what can be guessed, for a value that --help calls $1.
_spillway_values() { # VALUE CURRENT OPTION
	case $1 in
	*'|'*) COMPREPLY=($(compgen -W "${1//|/ }" -- "$2")) ;;
	DURATION) COMPREPLY=($(compgen -W "5m 10m 30m 1h 2h 1d 1w" -- "$2")) ;;
	NAME) [[ $3 == --list ]] && _spillway_lists "$2" ;;
	SECONDS) COMPREPLY=($(compgen -W "30 60 120 300" -- "$2")) ;;
	REASON) COMPREPLY=($(compgen -W "cut share budget malformed source_packets source_new source_bits prefix_packets prefix_new prefix_bits class_packets class_new class_bits" -- "$2")) ;;
	FILE)
		case $3 in
		-c | --config) _spillway_files "$2" 'yaml|yml' ;;
		--file) _spillway_files "$2" 'txt' ;;
		-o | --output) _spillway_files "$2" 'map|conf|json' ;;
		*) _spillway_files "$2" 'pcapng' ;;
		esac
		;;
	esac
}

_spillway() {
	local words=("${COMP_WORDS[@]}") current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' config=() arguments=() options option value i

	options=$(_spillway_options)
	# What stands before the cursor; bash splits --config=FILE into three words.
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${words[i]} == -* ]]; then
			value=$(sed -n "s/^${words[i]} //p" <<<"$options")
			[[ $value ]] || continue
			option=${words[i]}
			[[ ${words[i + 1]} == = ]] && ((i++))
			((i++))
			[[ $option == -c || $option == --config ]] && ((i < COMP_CWORD)) && config=(-c "${words[i]}")
		elif [[ $verb ]]; then
			arguments+=("${words[i]}")
		else
			verb=${words[i]}
			options+=$'\n'$(_spillway_options "$verb")
		fi
	done
	if [[ $current == = ]]; then
		current=
	elif [[ $before == = ]]; then
		before=${words[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	if [[ $before == -* ]]; then
		value=$(sed -n "s/^$before //p" <<<"$options")
		if [[ $value ]]; then
			_spillway_values "$value" "$current" "$before"
			return
		fi
	fi
	if [[ $current == -* ]]; then
		COMPREPLY=($(compgen -W "$(sed 's/ .*//' <<<"$options")" -- "$current"))
		return
	fi
	case $verb:${#arguments[@]}:${arguments[0]} in
	:*) COMPREPLY=($(compgen -W "$(_spillway_verbs)" -- "$current")) ;;
	level:0:*) COMPREPLY=($(compgen -W "set bound auto" -- "$current")) ;;
	level:1:set | level:1:bound | level:2:bound) COMPREPLY=($(compgen -W "green yellow orange red" -- "$current")) ;;
	level:2:set) COMPREPLY=($(compgen -W "--for" -- "$current")) ;;
	list:0:*) COMPREPLY=($(compgen -W "show add remove flush import" -- "$current")) ;;
	list:1:*) _spillway_lists "$current" ;;
	list:2:import) _spillway_files "$current" 'txt' ;;
	export:0:*) COMPREPLY=($(compgen -W "classes level" -- "$current")) ;;
	init:0:*) _spillway_files "$current" 'yaml|yml' ;;
	replay:0:*) _spillway_files "$current" '[0-9]{6}' ;;
	simulate:0:*) _spillway_files "$current" 'pcap|pcapng|cap' ;;
	esac
}

complete -F _spillway spillway
