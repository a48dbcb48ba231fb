# The text that an app is launched with (src/apps/launch.rs), parsed and lowered ahead in the app's branch: a launch of the same text is
# given a macro's call instead, which expands to the lowered statement. Lines, world ages and backtraces are the text's own then.

struct App
    text::String
    statement::Any                          # lowered
    skipped::Any                            # the same in an `if` that does not hold
end
const APP = Ref{Union{App,Nothing}}(nothing)
const STATEMENT = Ref{Any}(nothing)
# A name that no program writes, in a module that every `Main` knows.
const CALL = "Base.@var\"#jlapp\""

# Package, depot, load path…
function enter_app(app::Vector{String})
    empty!(LOAD_PATH)
    append!(LOAD_PATH, app[3:end])
    app[2] in DEPOT_PATH || pushfirst!(DEPOT_PATH, app[2])
    nothing
end

# Where the package stands in the statement as what has to be looked for, its module takes the place; likewise for what this Julia
# is asked about itself, which to 1.10 looks through all that Base uses.
function parse_app(job::Job, package::Symbol)
    length(job.commands) == 1 && startswith(job.commands[1], "e") || return
    text = String(SubString(job.commands[1], 2))
    all = filter(x -> !(x isa LineNumberNode), statements(text, "none"))
    length(all) == 1 && all[1] isa Expr && all[1].head === :let || return
    root = Base.require(Main, package)
    compile_main(root, steps_to_main(all[1]))
    statement = replaced(all[1], :(Base.require(Main, $(QuoteNode(package)))), root)
    statement = replaced(statement, :(isdefined(Base, Symbol("@main"))), isdefined(Base, Symbol("@main")))
    Core.eval(Base, Expr(:macro, Expr(:call, Symbol("#jlapp")), Expr(:block, Expr(:call, :esc, Expr(:ref, STATEMENT)))))
    macroexpand(Main, Meta.parse(CALL))
    APP[] = App(text, lowered_statement(statement), lowered_statement(Expr(:if, :(Base.isempty("a")), statement)))
    nothing
end

# At top level what a macro expands to is lowered, but for what stands in `toplevel`.
lowered_statement(x) = Expr(:toplevel, Meta.lower(Main, x))

# The names in `app = Base.invokelatest(getfield, app, :name)`, which lead from the package to its `main`.
steps_to_main(x) = Symbol[]
steps_to_main(x::Expr) =
    x.head === :call && length(x.args) == 4 && x.args[2:3] == [:getfield, :app] ? Symbol[x.args[4].value] :
    reduce(vcat, map(steps_to_main, x.args), init = Symbol[])

# Julia notes no method of which it only has to find out that its result is always the same.
function compile_main(found, steps::Vector{Symbol})
    for name in steps
        found isa Module && isdefined(found, name) || return
        found = getfield(found, name)
    end
    precompile(found, (Vector{String},))
    nothing
end

replaced(x, old, new) = x == old ? new : x isa Expr ? Expr(x.head, map(arg -> replaced(arg, old, new), x.args)...) : x

function commands_of(job::Job)
    app = APP[]
    app === nothing && return job.commands
    length(job.commands) == 1 && job.commands[1] == "e" * app.text || return job.commands
    STATEMENT[] = app.statement
    String["e" * CALL]
end

# For a spare: what a launch does with it, without doing what it says.
function pass_over_app()
    app = APP[]
    app === nothing && return
    STATEMENT[] = app.skipped
    as_program(String["e" * CALL], String[])
end
