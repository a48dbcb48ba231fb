# Loops at top level, and what `@time` and its like are given. Julia compiles a statement that holds one anew in each launch, also where
# all that it calls has been compiled. Such statements are compiled ahead; when a launch comes to one, Julia asks for its type
# inference, and is given what was compiled.
#
# Nobody tells a statement at top level that what it was compiled from has changed. So it is given only as long as nothing has been
# defined since: the world's age is the same. From 1.12 on a global that is assigned for the first time is a definition, too; those
# that the statements before a loop assign are declared ahead.

struct CompiledStatement
    code::Any                                                          # Core.CodeInstance
    world::UInt
end
const COMPILED_STATEMENTS = IdDict{Any,CompiledStatement}()            # by their Core.CodeInfo

# ---- which ----

const LOOP_HEADS = (:for, :while)
# What may stand in one, besides what may stand in other statements.
const LOOP_BODY_HEADS = (:while, :break, :continue, :global, :local, :let, :try)

has_loop(x) = false
has_loop(x::Expr) = x.head in LOOP_HEADS || !is_own_scope(x) && any(has_loop, x.args)

# A function, which is compiled for itself; or what is no code yet.
is_own_scope(x::Expr) = x.head in (:function, :macro, :->, :do, :generator, :flatten, :quote, :module) ||
                        x.head === :(=) && is_signature_of_method(x.args[1])

# What the program's own names are where one of its statements stands.
struct OwnNames
    defined::Set{Symbol}                    # anywhere in it
    assigned::Set{Symbol}                   # for the first time by statements before this one
end

# What is assigned in a loop is a variable of its own, unless it is `global`. Where neither is said Julia looks, when it lowers the
# loop, whether the program has a global of this name. So it must have none at any time, or for sure have one by then.
function assigns_known(x, own::OwnNames)
    globals, variables = Set{Symbol}(), Set{Symbol}()
    note_assigned!(globals, variables, x, false)
    all(name -> name in own.assigned || has_value(name), globals) && isdisjoint_from(setdiff(variables, globals), own.defined)
end
has_value(name::Symbol) = is_own(name) && isdefined(Main, name)

# To 1.11 asking whether a name is defined that is not there yet would decide that it is Base's.
is_own(name::Symbol) = name in names(Main, all = true, imported = true)

function assigns_nothing(x)
    globals, variables = Set{Symbol}(), Set{Symbol}()
    note_assigned!(globals, variables, x, true)
    isempty(globals) && isempty(variables)
end
isdisjoint_from(a::Set, b::Set) = isempty(intersect(a, b))

# What a loop runs through, and what functions in it assign, is always theirs.
note_assigned!(::Set{Symbol}, ::Set{Symbol}, x, ::Bool) = nothing
function note_assigned!(globals::Set{Symbol}, variables::Set{Symbol}, x::Expr, inner::Bool)
    is_own_scope(x) && return
    x.head === :global && foreach(arg -> note_target!(globals, arg), x.args)
    inner && is_assignment(x) && !startswith(String(x.head), ".") && note_target!(variables, x.args[1])
    args = x.head === :for ? x.args[2:end] : x.args
    inner |= x.head in LOOP_HEADS || x.head in (:let, :try)
    foreach(arg -> note_assigned!(globals, variables, arg, inner), args)
end

# The names that are assigned in `x = …`, `x += …`, `(x, y) = …`; none in `x[1] = …`.
note_target!(::Set{Symbol}, x) = nothing
note_target!(found::Set{Symbol}, x::Symbol) = (push!(found, x); nothing)
note_target!(found::Set{Symbol}, x::Expr) =
    x.head in (:tuple, :parameters) ? foreach(arg -> note_target!(found, arg), x.args) :
    is_assignment(x) || x.head in (:(::), :(...)) ? note_target!(found, x.args[1]) : nothing

# ---- those before a loop ----

# What a loop behind it is compiled for depends on it: to 1.11 constants and types of globals are part of that, and age no world.
may_define(x) = false
may_define(x::Expr) =
    x.head in (:const, :using, :import, :export, :public, :module, :struct, :abstract, :primitive, :macro, :function) ||
    x.head === :(=) && (is_signature_of_method(x.args[1]) || x.args[1] isa Expr && x.args[1].head === :(::)) ||
    !is_own_scope(x) && any(may_define, x.args)

# Notes what `x = …` assigns for the first time in the program, and nothing before it names. Who asks for a global that is declared
# is told so, where it has no value.
function note_first!(own::OwnNames, x, before::Vector)
    x isa Expr && x.head === :(=) && !is_signature_of_method(x.args[1]) || return
    found = Set{Symbol}()
    note_target!(found, x.args[1])
    for name in found
        is_own(name) || any(part -> names_global(part, name), [before; x.args[2]]) || push!(own.assigned, name)
    end
end

names_global(x, name::Symbol) = x === name || x isa QuoteNode && names_global(x.value, name)
names_global(x::Expr, name::Symbol) =
    x.head === :for && runs_through(x.args[1], name) ? any(arg -> names_global(arg.args[2], name), ranges(x.args[1])) :
    !(is_own_scope(x) && has_variable(x, name)) && any(arg -> names_global(arg, name), x.args)

# `for i in a, j in b`.
ranges(x::Expr) = x.head === :block ? x.args : Any[x]
runs_through(x::Expr, name::Symbol) = any(range -> holds(isequal(name), range.args[1]), ranges(x))

# Whether a function has an argument or a variable of this name.
function has_variable(x::Expr, name::Symbol)
    globals, variables = Set{Symbol}(), Set{Symbol}()
    foreach(arg -> note_assigned!(globals, variables, arg, true), x.args)
    !(name in globals) && (name in variables || holds(isequal(name), x.args[1]))
end

# ---- compiling ----

# How many are compiled now.
function compile_statements(lowered::Lowered)
    isempty(lowered.compiled) && return 0
    foreach(declare_global, lowered.assigned)
    inferred_by(infer_or_give)
    for code in lowered.compiled
        optionally(() -> (COMPILED_STATEMENTS[code] = CompiledStatement(compile_thunk(code), Base.get_world_counter())))
    end
    isempty(COMPILED_STATEMENTS) && inferred_by_julia()
    length(COMPILED_STATEMENTS)
end

# In place of Julia's own type inference, until nothing is left that could be given.
function infer_or_give(instance, world, mode...)
    compiled = instance.def isa Module ? pop!(COMPILED_STATEMENTS, thunk_of(instance), nothing) : nothing
    compiled === nothing && return infer(instance, world, mode...)
    compiled.world == world || empty!(COMPILED_STATEMENTS)
    isempty(COMPILED_STATEMENTS) && inferred_by_julia()
    compiled.world == world ? give_code(instance, compiled.code) : infer(instance, world, mode...)
end
