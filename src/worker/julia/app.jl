# The text that an app is launched with (src/apps/launch.rs), parsed ahead in the app's branch: a launch of the same text is given a
# macro's call instead, which expands to the statement. Lines, world ages and backtraces are the text's own then.

struct App
    text::String
    statement::Any
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

# Where the package stands in the statement as what has to be looked for, its module takes the place.
function parse_app(job::Job, package::Symbol)
    length(job.commands) == 1 && startswith(job.commands[1], "e") || return
    text = String(SubString(job.commands[1], 2))
    all = filter(x -> !(x isa LineNumberNode), statements(text, "none"))
    length(all) == 1 && all[1] isa Expr && all[1].head === :let || return
    statement = replaced(all[1], :(Base.require(Main, $(QuoteNode(package)))), Base.require(Main, package))
    Core.eval(Base, Expr(:macro, Expr(:call, Symbol("#jlapp")), Expr(:block, Expr(:call, :esc, Expr(:ref, STATEMENT)))))
    macroexpand(Main, Meta.parse(CALL))
    APP[] = App(text, statement)
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
    STATEMENT[] = Expr(:if, :(Base.isempty("a")), app.statement)
    as_program(String["e" * CALL], String[])
end
