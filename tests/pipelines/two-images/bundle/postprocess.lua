return function(likeness, params, note)
  return { likeness = likeness:item(), note = note }
end
