# A program whose first statements have been evaluated ahead: its launch evaluates the rest, with everything else as if it were the
# whole. The rest of a file is the same text with the first lines empty, so all line numbers stay.

# Statements behind those, with what a launch is given for each; `nothing` where that is the statement itself.
struct Lowered
    statements::Vector{Pair{Any,Any}}
    compiled::Vector{Any}                   # the Core.CodeInfo of those that Julia compiles, and that may be compiled ahead
    assigned::Set{Symbol}                   # globals that they assign for the first time
end
Lowered() = Lowered(Pair{Any,Any}[], Any[], Set{Symbol}())

struct Rest
    path::String                            # or COMMAND
    text::String                            # all of it
    rest::String
    folder::Union{String,Nothing}           # the launch's, where that decides about something
    kept::Int                               # statements of the rest that stand among those that were evaluated
    lowered::Lowered                        # the next ones
end
const REST = Ref{Union{Rest,Nothing}}(nothing)

# The lines before this one empty, but for some.
blank_before(text::String, line::Int) = line == typemax(Int) ? "" : repeat("\n", line - 1) * from_line(text, line)
function blank_except(text::String, kept::Vector{UnitRange{Int}}, line::Int)
    isempty(kept) && return blank_before(text, line)
    is_there(n) = n >= line || any(range -> n in range, kept)
    join((is_there(n) ? content : "" for (n, content) in enumerate(split(text, '\n'))), '\n')
end

function from_line(text::String, line::Int)
    at = 1
    for _ in 2:line
        next = findnext(isequal('\n'), text, at)
        next === nothing && return ""
        at = next + 1
    end
    SubString(text, at) |> String
end

# Whether the program of this job is the one that was begun, unchanged. Asked in the child, when it has the job's folder.
function is_as_begun(job::Job)
    rest = REST[]
    rest === nothing && return true
    rest.path == COMMAND && return is_command(job, rest.text)
    isempty(job.commands) && !isempty(job.arguments) && abspath(job.arguments[1]) == rest.path || return false
    rest.folder === nothing || rest.folder == pwd() || return false
    content_of(rest.path) == rest.text
end

content_of(path::String) = try read(path, String) catch; "" end

# The places of a program's statements in what the parser made of it. Of a file several on a line are one.
places_of(rest::Rest, parsed::Expr) = rest.path == COMMAND ? places_of(parsed) :
                                      [(parsed, n, 0) for n in 1:length(parsed.args) if !(parsed.args[n] isa LineNumberNode)]

# Called in place of Julia's parser from 1.6 on: the first time for the program, then never again.
struct ParseRest
    next::Any
end
function (parser::ParseRest)(text, filename, arguments...)
    rest = REST[]
    if rest !== nothing && String(filename) == rest.path && text == rest.text
        forget_rest(parser.next)
        result = parser.next(rest.rest, filename, arguments...)
        isempty(rest.lowered.statements) || give_lowered!(places_of(rest, result[1])[rest.kept+1:end], rest.lowered.statements)
        return result
    end
    parser.next(text, filename, arguments...)
end

# For Julia 1.5, which has its parser in C: what `include` evaluates of a file. The text's address, its size.
function take_rest(path::String)
    rest = REST[]
    rest === nothing || path != rest.path || content_of(path) != rest.text || (REST[] = nothing; return rest.rest)
    nothing
end

# A piece of code as if it were a method of Base.jl, so many lines further down.
relocate(x, ::Int) = x
relocate(place::LineNumberNode, lines::Int) = LineNumberNode(place.line + lines, Symbol("Base.jl"))
relocate(x::Expr, lines::Int) = Expr(x.head, Any[relocate(arg, lines) for arg in x.args]...)
