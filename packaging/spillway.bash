# SPDX-License-Identifier: GPL-2.0-only
# Completion of spillway(8) for bash: verbs, options, levels, files, names of lists. Needs no bash-completion package.
# shellcheck shell=bash disable=SC2207 # words out of fixed lists have no blanks; names and files are read line by line

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

_spillway() {
	local words=("${COMP_WORDS[@]}") current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs="run check apply confirm status top level capacity explain events capture replay list simulate doctor detach version"
	local options="-c --config -j --json -h --help -V --version"
	local verb='' config=() arguments=() i

	# What stands before the cursor; bash splits --config=FILE in three words.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${words[i]} in
		-c | --config)
			[[ ${words[i + 1]} == = ]] && ((i++))
			((i + 1 < COMP_CWORD)) && config=(-c "${words[i + 1]}")
			((i++))
			;;
		--level | --for | --confirm | --by | --count | --seconds | --reason | --class | --note | -w | --write)
			[[ ${words[i + 1]} == = ]] && ((i++))
			((i++))
			;;
		-*) ;;
		*)
			if [[ $verb ]]; then arguments+=("${words[i]}"); else verb=${words[i]}; fi
			;;
		esac
	done
	if [[ $current == = ]]; then
		current=
	elif [[ $before == = ]]; then
		before=${words[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	case $before in
	-c | --config)
		_spillway_files "$current" 'yaml|yml'
		return
		;;
	--level)
		COMPREPLY=($(compgen -W "green yellow orange red" -- "$current"))
		return
		;;
	--confirm)
		COMPREPLY=($(compgen -W "30 60 120 300" -- "$current"))
		return
		;;
	--by)
		COMPREPLY=($(compgen -W "packets bytes new dropped" -- "$current"))
		return
		;;
	--reason)
		COMPREPLY=($(compgen -W "cut share budget malformed source_packets source_new source_bits prefix_packets prefix_new prefix_bits class_packets class_new class_bits" -- "$current"))
		return
		;;
	-w | --write)
		_spillway_files "$current" 'pcapng'
		return
		;;
	--count | --seconds | --class | --note) return ;;
	--for)
		COMPREPLY=($(compgen -W "5m 10m 30m 1h 2h" -- "$current"))
		return
		;;
	esac

	case $verb:${#arguments[@]}:${arguments[0]} in
	:*)
		COMPREPLY=($(compgen -W "$([[ $current == -* ]] && echo "$options" || echo "$verbs")" -- "$current"))
		return
		;;
	simulate:*) options+=" --level -q --quiet" ;;
	level:2:set | level:3:bound) options+=" --for" ;;
	detach:*) options+=" --force" ;;
	events:*) options+=" --drops -f --follow" ;;
	top:*) options+=" --once --by --prefixes" ;;
	capture:*) options+=" -w --write --count --seconds --reason --class" ;;
	list:[1-9]*:add | list:[1-9]*:import) options+=" --for --note --force" ;;
	esac
	if [[ $current == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$current"))
		return
	fi
	case $verb:${#arguments[@]}:${arguments[0]} in
	level:0:*) COMPREPLY=($(compgen -W "set bound auto" -- "$current")) ;;
	level:1:set | level:1:bound | level:2:bound) COMPREPLY=($(compgen -W "green yellow orange red" -- "$current")) ;;
	level:2:set) COMPREPLY=($(compgen -W "--for" -- "$current")) ;;
	list:0:*) COMPREPLY=($(compgen -W "show add remove import" -- "$current")) ;;
	list:1:*) _spillway_lists "$current" ;;
	list:2:import) _spillway_files "$current" 'txt' ;;
	replay:0:*) _spillway_files "$current" '[0-9]{6}' ;;
	simulate:0:*) _spillway_files "$current" 'pcap|pcapng|cap' ;;
	esac
}

complete -F _spillway spillway
