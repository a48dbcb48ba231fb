# Statements behind the definitions of a program file, lowered ahead. Lowering makes a type and a method of each anonymous function
# and each comprehension; those are defined ahead, so that what works with them can be compiled, and a launch is given the lowered
# statement without them.
#
# Their names are numbered in the order of lowering (`current-module-counter`, src/julia-syntax.scm). So the first statement that
# may number something and is not lowered ahead is the last that is looked at, and nothing is lowered of a program that makes code
# itself.

# What may stand around anonymous functions. What is assigned to in a loop at top level is looked up when that is lowered, so none
# with an assignment is.
const LOWERED_HEADS = (:call, :(=), :kw, :parameters, :tuple, :vect, :hcat, :vcat, :row, :typed_hcat, :typed_vcat, :ref, :(.), :curly,
                       :string, :&&, :||, :if, :elseif, :comparison, :(::), :(...), :(+=), :(-=), :(*=), :(/=), :(.=), :block,
                       :do, Symbol("'"))
# What has a number: a function without a name.
const NUMBERED_HEADS = (:->, :generator, :comprehension, :typed_comprehension, :flatten)
const CODE_MAKERS = (:eval, :evalfile, :include, :include_string, Symbol("@eval"), Symbol("@generated"), Symbol("@everywhere"))

holds(test, x) = test(x) || (x isa Expr && any(arg -> holds(test, arg), x.args)) || (x isa QuoteNode && holds(test, x.value))

makes_code(x) = holds(y -> y isa Symbol && y in CODE_MAKERS, x)
# A macro may make functions, too, and what it made once it does not make again: it is expanded once.
needs_lowering(x) = holds(y -> y isa Expr && (y.head in NUMBERED_HEADS || y.head === :macrocall), x)

# `leading` are the statements in front of these.
function lower_rest(list::Vector, path::String, leading::Vector)
    lowered = Lowered()
    HAS_PARSER_HOOK && !any(((statement, _),) -> makes_code(statement), list) || return lowered
    own = OwnNames(union!(defined_below(list), names(Main, all = true, imported = true)), lowered.assigned)
    is_settled, before = true, copy(leading)
    for (statement, line) in list
        is_settled &= !may_define(statement)
        lower_next!(lowered, statement, path, line, own, is_settled) || break
        is_settled && note_first!(own, statement, before)
        push!(before, statement)
    end
    last = findlast(pair -> pair.second !== nothing, lowered.statements)
    resize!(lowered.statements, last === nothing ? 0 : last)
    lowered
end

# Whether the next one may be lowered. Where statements before it may define something its loops are left to the launch.
function lower_next!(lowered::Lowered, statement, path::String, line::Int, own::OwnNames, is_settled::Bool)
    can_be_lowered(statement, Scope(Main, dirname(path)), own) ||
        return numbers_nothing(statement) && (push!(lowered.statements, statement => nothing); true)
    is_wanted = needs_lowering(statement) || is_settled && has_loop(statement)
    thunk = is_wanted ? lower_statement(statement, path, line) : nothing
    thunk === nothing && needs_lowering(statement) && return false
    push!(lowered.statements, statement => thunk)
    is_settled && thunk !== nothing && is_compiled(thunk.args[1]) && push!(lowered.compiled, thunk.args[1])
    true
end

# Loops, methods and the like without functions, keyword arguments or macros in them.
numbers_nothing(x) = !(x isa Expr) || !holds(may_number, is_method(x) ? Expr(:block, x.args[1].args..., x.args[2]) : x)
is_method(x::Expr) = x.head in (:function, :(=)) && length(x.args) == 2 && x.args[1] isa Expr && x.args[1].head === :call
may_number(x) = x isa Expr && (x.head in NUMBERED_HEADS || x.head in (:macro, :struct, :abstract, :primitive, :module, :macrocall) ||
                               x.head in (:do, :toplevel, :quote, :parameters, :kw, :function, :where) ||
                               x.head === :(=) && is_signature_of_method(x.args[1]))

can_be_lowered(x, scope::Scope, own::OwnNames) =
    is_inert(x, scope) && has_known_heads(x, has_loop(x) ? (LOWERED_HEADS..., LOOP_BODY_HEADS...) : LOWERED_HEADS) &&
    (!has_loop(x) || assigns_known(x, own)) && !holds(y -> names_unknown_type(y, scope), x)

# The types of a function's arguments are looked up where it is defined.
names_unknown_type(x, scope::Scope) = x isa Expr && x.head === :(::) && !is_type(x.args[end], scope, Symbol[])

has_known_heads(x, heads) = true
function has_known_heads(x::Expr, heads)
    # In a function everything has its own scope.
    x.head in NUMBERED_HEADS && return !holds(y -> y isa Expr && y.head in (:global, :quote), x)
    # It may put what it is given into a scope of its own, where it depends on names what an assignment means.
    x.head === :macrocall && return all(arg -> has_known_heads(arg, heads) && assigns_nothing(arg), x.args[3:end])
    x.head === :for && return is_known_range(x.args[1], heads) && has_known_heads(x.args[2], heads)
    x.head in heads && !(x.head === :(=) && is_signature_of_method(x.args[1])) && all(arg -> has_known_heads(arg, heads), x.args)
end

# `i in a`, also several of them.
is_known_range(x, heads) = x isa Expr && (x.head === :block ? all(arg -> is_known_range(arg, heads), x.args) :
                                          x.head === :(=) && has_known_heads(x.args[2], heads))

is_assignment(x) = x isa Expr && (x.head === :(=) || endswith(String(x.head), "=") && x.head !== :(==))

function lower_statement(x, path::String, line::Int)
    lowered = lower(x, path, line)
    lowered isa Expr && lowered.head === :thunk && lowered.args[1] isa Core.CodeInfo || return nothing
    code = lowered.args[1]
    defining = definitions(code.code)
    defining === nothing && return nothing
    Core.eval(Main, Expr(:thunk, only_these(code, defining)))
    Expr(:thunk, without_definitions(code))
end

is_definition(x) = x isa Expr && x.head in (:thunk, :method)

# The statements that define, with those whose values they use; `nothing` where those do more than name types.
function definitions(code::Vector{Any})
    wanted = findall(is_definition, code)
    found = Set{Int}()
    while !isempty(wanted)
        n = pop!(wanted)
        n in found && continue
        push!(found, n)
        is_definition(code[n]) || names_types(code[n]) || return nothing
        is_definition(code[n]) && code[n].head === :thunk || append!(wanted, values_in(code[n]))
    end
    found
end

values_in(x) = Int[]
values_in(x::Core.SSAValue) = Int[x.id]
values_in(x::Expr) = vcat(Int[], map(values_in, x.args)...)

names_types(x) = x isa GlobalRef || x isa Symbol || x isa Expr && x.head === :call && x.args[1] isa GlobalRef && x.args[1].mod === Core

# Everything else does nothing. New names are seen from `latestworld` on (Julia 1.12).
function only_these(code::Core.CodeInfo, wanted::Set{Int})
    part = copy(code)
    for n in 1:length(part.code)
        n in wanted || is_about_world(part.code[n]) || (part.code[n] = nothing)
    end
    part.code[end] = Core.ReturnNode(nothing)
    part
end

function without_definitions(code::Core.CodeInfo)
    part = copy(code)
    for n in 1:length(part.code)
        is_definition(part.code[n]) && (part.code[n] = nothing)
    end
    part
end

is_about_world(x) = x isa Expr && x.head === :latestworld

# In what Julia's parser made of the rest of a program, at the places of its statements.
function give_lowered!(places::Vector, lowered::Vector{Pair{Any,Any}})
    for ((parent, n, _), (statement, thunk)) in zip(places, lowered)
        parent.args[n] == statement || return
        thunk === nothing || (parent.args[n] = thunk)
    end
    nothing
end
