# Names that a program defines below what was done ahead. To Julia 1.11 compiling what uses such a name decides that it is Base's or a
# package's, where they export it, and the program could not define it any more.

shadows_later(list::Vector) = VERSION < v"1.12-" && any(is_exported_somewhere, setdiff(defined_below(list), names(Main, all = true, imported = true)))

is_exported_somewhere(name::Symbol) = any(m -> Base.isexported(m, name), vcat([Base, Core], collect(values(Base.loaded_modules))))

function defined_below(list::Vector)
    found = Set{Symbol}()
    for (statement, _) in list
        note_defined!(found, statement, false)
    end
    found
end

# In a function, or where everything else has a scope of its own, `global` alone.
note_defined!(::Set{Symbol}, x, ::Bool) = nothing
function note_defined!(found::Set{Symbol}, x::Expr, inner::Bool)
    head, args = x.head, x.args
    if head in (:global, :const)
        foreach(arg -> note_name!(found, arg), args)
    elseif head in (:function, :macro) || is_assignment(x)
        inner || note_name!(found, args[1])
        inner |= head in (:function, :macro) || is_signature_of_method(args[1])
    elseif head in (:struct, :abstract, :primitive, :module)
        inner || note_name!(found, args[head in (:struct, :module) ? 2 : 1])
    elseif head in (:using, :import)
        foreach(arg -> note_imported!(found, arg), args)
    end
    inner |= head in (:let, :for, :while, :try) || head in NUMBERED_HEADS
    foreach(arg -> note_defined!(found, arg, inner), args)
end

# The name in `f(x)`, `f(x)::T where U`, `A{T} <: B`, `(a, b)`, `a::T = 1`.
note_name!(::Set{Symbol}, x) = nothing
note_name!(found::Set{Symbol}, x::Symbol) = (push!(found, x); nothing)
function note_name!(found::Set{Symbol}, x::Expr)
    if x.head in (:tuple, :parameters)
        foreach(arg -> note_name!(found, arg), x.args)
    elseif x.head in (:call, :where, :(::), :curly, :(<:), :(=)) && !isempty(x.args)
        note_name!(found, x.args[1])
    end
    nothing
end

# `A: b`, `c as d`, and modules themselves.
note_imported!(found::Set{Symbol}, x) = note_name!(found, x)
note_imported!(found::Set{Symbol}, x::Expr) =
    x.head === :(:) ? foreach(arg -> note_imported!(found, arg), x.args[2:end]) : isempty(x.args) ? nothing : note_imported!(found, x.args[end])
