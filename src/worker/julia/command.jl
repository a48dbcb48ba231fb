# Expressions (`-e`, `-E`): packages that they load first are loaded ahead, and what stands behind is lowered and compiled, as behind the
# definitions of a file. Nothing is left out of what a launch evaluates: the statements that load stand in front of everything, and
# do nothing the second time.

# In place of a path (`parse_input_line`, base/client.jl).
const COMMAND = "none"

function load_for_commands(commands::Vector{String}, notes::Vector{String})
    done = load_packages(packages_of_commands(commands))
    length(commands) == 1 || return done
    kind, text = commands[1][1], commands[1][2:end]
    kind == 'm' && import_main(text)
    HAS_PARSER_HOOK && kind in ('e', 'E') ? begin_command(text, done, notes) : done
end

function begin_command(text::String, done, notes::Vector{String})
    list, count = statements_of_command(text)
    any(((statement, _),) -> is_no_syntax(statement), list) && return done
    leading, remaining = Any[first(pair) for pair in list[1:count]], list[count+1:end]
    # Its folder is each launch's own.
    any(((statement, _),) -> holds(isequal(Symbol("@__DIR__")), statement), remaining) && return done
    foreach(statement -> Core.eval(Main, statement), leading)
    shadows = shadows_later(remaining)
    shadows && empty!(notes)
    lowered = Lowered()
    optionally(() -> lowered = Base.invokelatest(lower_rest, remaining, COMMAND, leading))
    shadows && empty!(lowered.compiled)
    isempty(lowered.statements) && return done
    REST[] = Rest(COMMAND, text, text, nothing, count, lowered)
    (done isa Refused ? "evaluated nothing" : done) * what_was_lowered(lowered)
end

is_command(job::Job, text::String) = length(job.commands) == 1 && SubString(job.commands[1], 2) == text

# As `-m` itself does it from 1.12 on (`exec_options`, base/client.jl): each time Main gets a `main`, Julia compiles anew what asks
# whether that is where programs start. What cannot be imported is the launch's to tell.
function import_main(package::AbstractString)
    isdefined(Base, :should_use_main_entrypoint) || return
    try Core.eval(Main, Expr(:import, Expr(:., Symbol.(split(package, '.'))..., :main))) catch; end
    nothing
end

function packages_of_commands(commands::Vector{String})
    found = Symbol[]
    for command in commands
        kind, text = command[1], String(SubString(command, 2))
        kind == 'm' && return push!(found, Symbol(first(split(text, '.'))))
        kind in ('e', 'E') || break
        list, count = statements_of_command(text)
        foreach(((statement, _),) -> append!(found, packages_of(statement)), list[1:count])
        count < length(list) && break
    end
    found
end

# Each with its line, and how many of them, in front of the others, load packages.
function statements_of_command(text::String)
    list = [(parent.args[n], line) for (parent, n, line) in places_of(Expr(:toplevel, statements(text, COMMAND)...))]
    list, something(findfirst(((statement, _),) -> isempty(packages_of(statement)), list), length(list) + 1) - 1
end

# ---- where statements stand ----

# In what the parser made of a program, and with their lines; also several on a line, each.
function places_of(parsed::Expr)
    found = Tuple{Expr,Int,Int}[]
    note_places!(found, parsed, 1)
    found
end

# The line that the next statement is on, for Julia.
function note_places!(found::Vector{Tuple{Expr,Int,Int}}, parsed::Expr, line::Int)
    for (n, x) in enumerate(parsed.args)
        if x isa LineNumberNode
            line = x.line
        elseif x isa Expr && x.head === :toplevel
            line = note_places!(found, x, line)
        else
            push!(found, (parsed, n, line))
        end
    end
    line
end
